// Sets x ← 0 exactly where mask = 0, over a window of an arena (a product would keep NaN, infinity and −0).
// A workgroup has 64 threads with 4 elements each; thread i = x + y·row.

struct Params {
  row: u32,   // A row of the grid has so many threads.
  count: u32, // The window has so many vec4s.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> mask: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x + id.y * p.row;
  if (i >= p.count) { return; }
  x[i] = select(vec4<f32>(0.0), x[i], mask[i] != vec4<f32>(0.0));
}
