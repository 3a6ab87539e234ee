// Sets keep[q] ← the bits of the kernel's pattern where the kernel stays, else 0. A workgroup has 64 threads; q = x +
// y·row.

struct Params {
  row: u32,   // A row of the grid has so many threads.
  count: u32, // There are so many kernels.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> taps: array<u32>;
@group(0) @binding(2) var<storage, read_write> keep: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let q = id.x + id.y * p.row;
  if (q < p.count && keep[q] != 0.0) { keep[q] = f32(taps[q]); }
}
