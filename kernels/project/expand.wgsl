// mask[e] ← mask[e] · keep[group of e], and with FREEZE = 1 also 0 where the weight is exactly 0 already.
// Results are 0 or 1. Grid: 64 threads, e = x + y·row. Follows groups.wgsl.
// Without FREEZE the weights may be any read-only buffer.

const FREEZE: u32 = 0u;

struct Params {
  row: u32,   // threads per grid row
  count: u32, // elements
  C: u32,
  KK: u32,
  gf: u32,
  gc: u32,
  gk: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> keep: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> mask: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let e = id.x + id.y * p.row;
  if (e >= p.count) { return; }
  var kept = mask[e] != 0.0 && keep[groupOf(e, vec2<u32>(p.C, p.KK), vec3<u32>(p.gf, p.gc, p.gk))] != 0.0;
  if (FREEZE == 1u && weights[e] == 0.0) { kept = false; }
  mask[e] = f32(kept);
}
