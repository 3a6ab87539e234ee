// Computes y[head, r, c] = x[first + n * sample + h * head + r * stride + c], h = head % per_sample of sample n = head
// / per_sample: the rows of heads that lie somewhere in x, one head after another. It is zero beyond `rows` rows and
// `depth` columns.
//
// y is [heads, pitch, width], `count` items of V in all; x, and all that counts in it, is in items of V as well. Each
// item of y has a thread. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64.
// V is f32 where rows of x don't begin, or end, at multiples of four numbers.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
  width: u32,
  pitch: u32,
  depth: u32,
  rows: u32,
  per_sample: u32,
  first: u32,
  sample: u32,
  head: u32,
  stride: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> y: array<V>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 64u + local;
  if (i >= p.count) { return; }
  let column = i % p.width;
  let r = (i / p.width) % p.pitch;
  let head = i / (p.width * p.pitch);
  var v = V(0.0);
  if (column < p.depth && r < p.rows) {
    v = x[p.first + (head / p.per_sample) * p.sample + (head % p.per_sample) * p.head + r * p.stride + column];
  }
  y[i] = v;
}
