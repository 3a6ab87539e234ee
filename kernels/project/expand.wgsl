// Sets mask[e] ← mask[e] · keep[group of e], and with FREEZE = 1 also 0 where the weight is exactly 0 already.
// Results are 0 or 1. A workgroup has 64 threads with a four of elements each; four v = x + y·row. Follows groups.wgsl.
// Without FREEZE the weights may be any read-only buffer.

const FREEZE: u32 = 0u;

struct Params {
  groups: Groups,
  row: u32,   // A row of the grid has so many threads.
  count: u32, // There are so many elements.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> keep: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> mask: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let v = id.x + id.y * p.row;
  if (4u * v >= p.count) { return; }
  let old = mask[v];
  var kept = (old != vec4<f32>(0.0)) & (keepOfFour(v, p.groups) != vec4<f32>(0.0));
  if (FREEZE == 1u) { kept &= weights[v] != vec4<f32>(0.0); }
  mask[v] = select(old, select(vec4<f32>(0.0), vec4<f32>(1.0), kept), presentOfFour(v, p.count));
}
