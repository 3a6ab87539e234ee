// Computes dz[n, k] = dloss / rows * T * (q[n, k] - p[n, k]), q = exp(z / T - max - logsum)
// where TARGETS is 0: p = exp(t / T - max - logsum) of the teacher's logits t;
// where it is 1: p = t, the teacher's probabilities, which sum to 1.
//
// z, t and dz are [rows, K] floats; saved is [4, rows] from distillation.wgsl; dloss is one float (the gradient of the
// mean).
// Each element has a thread. The grid is (row, ceil(rows * K / 64 / row), 1) workgroups of 64.

const TARGETS: u32 = 0u;

struct Params {
  rows: u32,
  classes: u32,
  row: u32,
  temperature: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read> saved: array<f32>;
@group(0) @binding(4) var<storage, read> dloss: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 64u + local;
  if (i >= p.rows * p.classes) { return; }
  let n = i / p.classes;
  let inverse = 1.0 / p.temperature;
  let student = exp(z[i] * inverse - saved[n] - saved[p.rows + n]);
  var teacher = t[i];
  if (TARGETS == 0u) { teacher = exp(t[i] * inverse - saved[2u * p.rows + n] - saved[3u * p.rows + n]); }
  dz[i] = dloss[0] / f32(p.rows) * p.temperature * (student - teacher);
}
