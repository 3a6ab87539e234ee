// Computes dz[n, k] = dloss / valid * (exp(z[n, k] - max - logsum) - (1 - e) * [k = label] - e / K), and 0 for rows n
// >= valid.
//
// z and dz are [rows, K] floats; labels are u32; saved holds max and logsum from cross_entropy.wgsl; dloss is one float
// (the gradient of the mean). Each element has a thread. The grid is (row, ceil(rows * K / 64 / row), 1) workgroups of
// 64.

struct Params {
  rows: u32,
  classes: u32,
  valid: u32,
  row: u32,
  smoothing: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> saved: array<f32>;
@group(0) @binding(4) var<storage, read> dloss: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 64u + local;
  if (i >= p.rows * p.classes) { return; }
  let n = i / p.classes;
  let k = i % p.classes;
  var target_share = p.smoothing / f32(p.classes);
  if (k == labels[n]) { target_share += 1.0 - p.smoothing; }
  let softmax = exp(z[i] - saved[n] - saved[p.rows + n]);
  dz[i] = select(0.0, dloss[0] / f32(p.valid) * (softmax - target_share), n < p.valid);
}
