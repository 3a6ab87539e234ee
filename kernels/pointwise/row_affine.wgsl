// Computes y[m, c] = f(x[m, c]) * scale[c] + shift[c], with f chosen by ACTIVATION as in channel_affine.wgsl.
//
// x and y are `count` items of V in rows of `inner` items; affine holds the items of scale, then those of shift. A
// workgroup of 64 threads makes 256 neighbouring items. The bindings are x, any buffer that is read, affine and y. The
// grid is (row, ceil(count / 256 / row), 1) workgroups. V is f32 where rows do not divide by 4.

alias V = vec4<f32>;
const ACTIVATION: u32 = 0u;

struct Params {
  count: u32,
  row: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(3) var<storage, read> affine: array<V>;
@group(0) @binding(4) var<storage, read_write> y: array<V>;

fn item(i: u32) {
  if (i >= p.count) { return; }
  let c = i % p.inner;
  y[i] = activated(x[i]) * affine[c] + affine[p.inner + c];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 256u + local;
  item(i);
  item(i + 64u);
  item(i + 128u);
  item(i + 192u);
}
