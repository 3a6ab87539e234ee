// Rows in panels for windows.wgsl: y[j/64, k, j%64] = x[j,k], each panel `width` columns of 64 rows; 0 beyond the edges.
// Bindings: x read, y read_write. Grid: one thread per element of x's panels, row fastest, rows of `row` threads folded
// into y.
struct Params { size: u32, row: u32, m: u32, k: u32, width: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let e = gid.x + gid.y * p.row;
  if (e >= p.size) { return; }
  let k = e / 64u % p.width;
  let j = e / 64u / p.width * 64u + e % 64u;
  var v = 0.0;
  if (j < p.m && k < p.k) { v = x[j * p.k + k]; }
  y[e] = v;
}
