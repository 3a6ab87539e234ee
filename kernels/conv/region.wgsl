// Computes the pixels of a convolution whose weight depends on where they lie, but for those of region 0, which an
// ordinary convolution makes: y[n, f, i, j] = bias[r, f] + sum over c, a, b of w[r, f, c, a, b] * x[n, c + first of the
// group, i * s - pad + a * d, …] for the region r of pixel (i, j).
//
// x is [N, channels, h, w]; w is [regions, filters, per_group, kh, kw]; bias is [regions, filters]; y is [N, filters,
// oh, ow]. places holds for each of `pixels` border pixels its place i * ow + j and its region.
// Each of the `count` = N * filters * pixels numbers has a thread. The grid is (row, ceil(count / 64 / row), 1)
// workgroups of 64.

struct Params {
  count: u32,
  row: u32,
  pixels: u32,
  channels: u32,
  h: u32,
  w: u32,
  filters: u32,
  groups: u32,
  oh: u32,
  ow: u32,
  kh: u32,
  kw: u32,
  sh: u32,
  sw: u32,
  dh: u32,
  dw: u32,
  top: u32,
  left: u32,
  images: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> places: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.x + group.y * p.row) * 64u + local;
  if (k >= p.count) { return; }
  let pixel = k % p.pixels;
  let f = (k / p.pixels) % p.filters;
  let n = k / (p.pixels * p.filters);
  let place = places[2u * pixel];
  let region = places[2u * pixel + 1u];
  let per_group = p.channels / p.groups;
  let first = f / (p.filters / p.groups) * per_group;
  let top = i32(place / p.ow * p.sh) - i32(p.top);
  let left = i32(place % p.ow * p.sw) - i32(p.left);
  var at = (region * p.filters + f) * per_group * p.kh * p.kw;
  var sum = bias[region * p.filters + f];
  for (var c = 0u; c < per_group; c++) {
    let plane = (n * p.channels + first + c) * p.h;
    for (var a = 0u; a < p.kh; a++) {
      let i = top + i32(a * p.dh);
      for (var b = 0u; b < p.kw; b++) {
        let j = left + i32(b * p.dw);
        if (i >= 0 && i < i32(p.h) && j >= 0 && j < i32(p.w)) {
          sum += weight[at] * x[(plane + u32(i)) * p.w + u32(j)];
        }
        at++;
      }
    }
  }
  y[(n * p.filters + f) * p.oh * p.ow + place] = sum;
}
