// Computes y[n, c, i] = f(x[n, c, i] + map[c, i]) * scale[c] + shift[c], with f chosen by ACTIVATION:
//   0 nothing, 1 its positive part, 2 that up to 6, 3 gelu, 4 gelu tanh (gelu.wgsl)
// MAP = 1 adds the map, which is the same for each image. AFFINE = 1 takes scale and shift.
//
// x and y are `count` items of V, laid out [count / (channels * inner), channels, inner] with `inner` items of V per
// map; map has channels * inner items; affine holds `channels` pairs of scale and shift. A workgroup of 64 threads
// makes 256 neighbouring items. The bindings are x, map and affine (read; an unused one takes any buffer), and y
// (read_write).
// The grid is (row, ceil(count / 256 / row), 1) workgroups. V is f32 where a map's size does not divide by 4.

alias V = vec4<f32>;
const MAP: u32 = 0u;
const ACTIVATION: u32 = 0u;
const AFFINE: u32 = 1u;

struct Params {
  count: u32,
  row: u32,
  channels: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> map: array<V>;
@group(0) @binding(3) var<storage, read> affine: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<V>;

fn item(i: u32) {
  if (i >= p.count) { return; }
  var v = x[i];
  if (MAP == 1u) { v += map[i % (p.channels * p.inner)]; }
  v = activated(v);
  if (AFFINE == 1u) {
    let own = affine[(i / p.inner) % p.channels];
    v = v * own.x + V(own.y);
  }
  y[i] = v;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 256u + local;
  item(i);
  item(i + 64u);
  item(i + 128u);
  item(i + 192u);
}
