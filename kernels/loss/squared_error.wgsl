// Computes one of two steps of the mean squared error of y against a target t, both of n floats:
//   forward  (GRADIENT 0): out[i] = (y[i] - t[i])^2                          (d is not read; summed elsewhere)
//   gradient (GRADIENT 1): out[i] = d[0] * 2 / n * (y[i] - t[i]),            d = the gradient of the mean
// Each element has a thread. The grid is (row, ceil(n / 64 / row), 1) workgroups of 64.

const GRADIENT: u32 = 0u;

struct Params {
  n: u32,
  row: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read> d: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 64u + local;
  if (i >= p.n) { return; }
  let difference = y[i] - t[i];
  if (GRADIENT == 0u) {
    out[i] = difference * difference;
  } else {
    out[i] = d[0] * (2.0 / f32(p.n)) * difference;
  }
}
