// Sets u ← factor · u: keeps the dual y = ρ·U where it is when ρ changes, with factor = ρ_old / ρ_new.
// A workgroup has 64 threads, e = x + y·row.

struct Params {
  row: u32,   // A row of the grid has so many threads.
  count: u32, // There are so many elements.
  factor: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> u: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let e = id.x + id.y * p.row;
  if (e < p.count) { u[e] *= p.factor; }
}
