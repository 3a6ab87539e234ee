// Turns groups' norms into the factors of the group lasso's proximal step: factor[g] = max(0, 1 − threshold / √norms[g]),
// and 0 where norms[g], the group's sum of squares, is 0. A workgroup has 64 threads, g = x + y·row.

struct Params {
  row: u32,   // A row of the grid has so many threads.
  count: u32, // There are so many groups.
  threshold: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> norms: array<f32>;
@group(0) @binding(2) var<storage, read_write> factors: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let g = id.x + id.y * p.row;
  if (g >= p.count) { return; }
  let norm = sqrt(norms[g]);
  var factor = 0.0;
  if (norm > p.threshold) { factor = 1.0 - p.threshold / norm; }
  factors[g] = factor;
}
