// Computes y[b, c, r] = x[b, r, c]: matrices turned, channels first to channels last and back.
//
// x is [batch, 4 * rows, columns] and y is [batch, 4 * columns, rows] in vec4, with 4 * rows and 4 * columns floats to
// a side. A thread turns a block of 4 x 4 floats; neighbours lie along c. The grid is (row, ceil(count / 64 / row), 1)
// workgroups of 64, where count = batch * rows * columns.

struct Params {
  count: u32,
  row: u32,
  rows: u32,      // A column of x, which is a row of y, has so many vec4.
  columns: u32,   // A row of x has so many vec4.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 64u + local;
  if (i >= p.count) { return; }
  let c = i % p.columns;
  let block = i / p.columns;
  let r = block % p.rows;
  let b = block / p.rows;
  let first = 4u * block * p.columns + c;
  let x0 = x[first];
  let x1 = x[first + p.columns];
  let x2 = x[first + 2u * p.columns];
  let x3 = x[first + 3u * p.columns];
  let made = 4u * (b * p.columns + c) * p.rows + r;
  y[made] = vec4<f32>(x0.x, x1.x, x2.x, x3.x);
  y[made + p.rows] = vec4<f32>(x0.y, x1.y, x2.y, x3.y);
  y[made + 2u * p.rows] = vec4<f32>(x0.z, x1.z, x2.z, x3.z);
  y[made + 3u * p.rows] = vec4<f32>(x0.w, x1.w, x2.w, x3.w);
}
