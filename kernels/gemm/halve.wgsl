// Computes y = x rounded to f16, two to a word with the even one low; values beyond ±65504 don't fit.
//
// The bindings are x (read) and y (read_write). The grid has one thread per pair of the `size` numbers, in rows of
// `row` threads.
struct Params { size: u32, row: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = 2u * (gid.x + gid.y * p.row);
  if (i >= p.size) { return; }
  y[i / 2u] = pack2x16float(vec2<f32>(x[i], x[min(i + 1u, p.size - 1u)]));
}
