// Computes y[r,t] = x[r, kept[t]]: the kept columns of a matrix. The bindings are x [rows,columns] and kept (read), and
// y [rows,taps] (read_write). The grid has one thread per element of y, in rows of `row` threads.
struct Params { size: u32, row: u32, taps: u32, columns: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> kept: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.size) { return; }
  y[i] = x[i / p.taps * p.columns + kept[i % p.taps]];
}
