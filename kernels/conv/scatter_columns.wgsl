// Computes y[f,c] = w[f, kept[c]] where column c was kept, else 0: the dense weight of a column-compacted convolution.
// kept[c] = 0xffffffff marks a column that wasn't. The bindings are w [filters,taps] and kept (read), and y
// [filters,columns] (read_write). The grid has one thread per element of y, in rows of `row` threads.
struct Params { size: u32, row: u32, taps: u32, columns: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> kept: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.size) { return; }
  let t = kept[i % p.columns];
  var v = 0.0;
  if (t < p.taps) { v = w[i / p.columns * p.taps + t]; }
  y[i] = v;
}
