// Computes m[r, j] = what tap j of output position r reads of x, 0 in the padding; rows past the last position are 0,
// and so the product of the matrix with itself is the sum over positions whatever number of rows it was filled up to.
//
// x is [batch, channels, h, w]; position r = (n * oh + i) * ow + q; tap j = ((c - first) * kh + a) * kw + b, the order
// of a filter's weights; taps from `taps` on read 1. m is [rows, columns]. Each element has a thread.
// The grid is (row, ceil(count / 64 / row), 1) workgroups of 64, where count = rows * columns.

struct Params {
  count: u32,      // So many elements are made.
  row: u32,
  columns: u32,
  taps: u32,       // So many columns read x.
  start: u32,      // The first row has this position.
  positions: u32,  // It is batch * oh * ow.
  channels: u32,
  first: u32,      // This is the first channel that is read.
  h: u32,
  w: u32,
  oh: u32,
  ow: u32,
  kh: u32,
  kw: u32,
  sh: u32,
  sw: u32,
  dh: u32,
  dw: u32,
  top: i32,        // So much padding lies before the first row and column; it is below 0 where the map is cropped.
  left: i32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> m: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let index = (group.x + group.y * p.row) * 64u + local;
  if (index >= p.count) { return; }
  let r = p.start + index / p.columns;
  let j = index % p.columns;
  let c = p.first + j / (p.kh * p.kw);
  let y = i32((r / p.ow) % p.oh * p.sh + (j / p.kw) % p.kh * p.dh) - p.top;
  let z = i32(r % p.ow * p.sw + j % p.kw * p.dw) - p.left;
  var value = select(0.0, 1.0, r < p.positions && j >= p.taps);
  if (r < p.positions && j < p.taps && y >= 0 && y < i32(p.h) && z >= 0 && z < i32(p.w)) {
    let n = r / (p.ow * p.oh);
    value = x[((n * p.channels + c) * p.h + u32(y)) * p.w + u32(z)];
  }
  m[index] = value;
}
