// Computes the gradient of region.wgsl's weight, or of its bias (BIAS 1), in all regions:
// dw[r, f, c, a, b] = sum over n and the pixels (i, j) of region r of dy[n, f, i, j] * x[n, c + first of the group,
// i * s - pad + a * d, …], and dbias[r, f] is the same without x.
//
// x is [N, channels, h, w]; dy is [N, filters, oh, ow]; places holds oh row regions, then ow column regions.
// dw is [regions, filters, per_group, kh, kw], and dbias is [regions, filters]. They have `count` numbers, with a
// thread for each.
// The grid is (row, ceil(count / 64 / row), 1) workgroups of 64.

const BIAS: u32 = 0u;

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
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> places: array<u32>;
@group(0) @binding(4) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.x + group.y * p.row) * 64u + local;
  if (k >= p.count) { return; }
  let per_group = p.channels / p.groups;
  let size = select(per_group * p.kh * p.kw, 1u, BIAS == 1u);
  let b = k % p.kw;
  let a = k / p.kw % p.kh;
  let c = k / (p.kw * p.kh) % per_group;
  let f = k / size % p.filters;
  let region = k / (size * p.filters);
  let channel = f / (p.filters / p.groups) * per_group + c;
  var sum = 0.0;
  for (var n = 0u; n < p.images; n++) {
    for (var i = 0u; i < p.oh; i++) {
      if (places[i] != region / p.col_regions) { continue; }
      let u = i32(i * p.sh + a * p.dh) - i32(p.top);
      for (var j = 0u; j < p.ow; j++) {
        if (places[p.oh + j] != region % p.col_regions) { continue; }
        let g = dy[((n * p.filters + f) * p.oh + i) * p.ow + j];
        if (BIAS == 1u) {
          sum += g;
          continue;
        }
        let v = i32(j * p.sw + b * p.dw) - i32(p.left);
        if (u >= 0 && u < i32(p.h) && v >= 0 && v < i32(p.w)) {
          sum += g * x[((n * p.channels + channel) * p.h + u32(u)) * p.w + u32(v)];
        }
      }
    }
  }
  dw[k] = sum;
}
