// Computes the gradient of region.wgsl's x, in all regions: dx[n, c, u, v] = sum over f of the group, a, b of
// w[r, f, c, a, b] * dy[n, f, i, j] where i * s - pad + a * d = u, and as much for v, with the region r of pixel (i,
// j).
//
// dy is [N, filters, oh, ow]; weight is [regions, filters, per_group, kh, kw]; dx is [N, channels, h, w].
// places holds oh row regions, then ow column regions; a pixel's region is row region * col_regions + column region.
// Each of the `count` numbers of dx has a thread. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64.

struct Params {
  count: u32,
  row: u32,
  col_regions: u32,
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
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> places: array<u32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.x + group.y * p.row) * 64u + local;
  if (k >= p.count) { return; }
  let v = k % p.w;
  let u = (k / p.w) % p.h;
  let channel = (k / (p.w * p.h)) % p.channels;
  let n = k / (p.w * p.h * p.channels);
  let per_group = p.channels / p.groups;
  let filters = p.filters / p.groups;
  let c = channel % per_group;
  let first = channel / per_group * filters;
  var sum = 0.0;
  for (var a = 0u; a < p.kh; a++) {
    let down = i32(u + p.top) - i32(a * p.dh);
    if (down < 0 || u32(down) % p.sh != 0u || u32(down) / p.sh >= p.oh) { continue; }
    let i = u32(down) / p.sh;
    for (var b = 0u; b < p.kw; b++) {
      let along = i32(v + p.left) - i32(b * p.dw);
      if (along < 0 || u32(along) % p.sw != 0u || u32(along) / p.sw >= p.ow) { continue; }
      let j = u32(along) / p.sw;
      let region = places[i] * p.col_regions + places[p.oh + j];
      for (var f = first; f < first + filters; f++) {
        let w = weight[(((region * p.filters + f) * per_group + c) * p.kh + a) * p.kw + b];
        sum += w * dy[((n * p.filters + f) * p.oh + i) * p.ow + j];
      }
    }
  }
  dx[k] = sum;
}
