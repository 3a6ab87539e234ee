// Sets w[e] ← w[e] · factor[group of e]. A workgroup has 64 threads with a four of elements each; four v = x + y·row.
// Follows groups.wgsl, which calls the factors keep.

struct Params {
  groups: Groups,
  row: u32,   // A row of the grid has so many threads.
  count: u32, // There are so many elements.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> keep: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> weights: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let v = id.x + id.y * p.row;
  if (4u * v >= p.count) { return; }
  let old = weights[v];
  weights[v] = select(old, old * keepOfFour(v, p.groups), presentOfFour(v, p.count));
}
