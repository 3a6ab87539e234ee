// Computes the divergence of a student's classes from a teacher's at temperature T for each row (Hinton, Vinyals and
// Dean, arXiv 1503.02531):
//   loss[n] = T^2 * sum over k of p[k] * (log p[k] - log q[k]),   q = softmax(z[n] / T)
//   p = softmax(t[n] / T) where TARGETS is 0 (the teacher's logits), t[n] itself where it is 1 (its probabilities)
// A probability of 0 counts as 0 * log 0 = 0. The gradient reads:
//   saved[0 .. rows] = max of z / T,     saved[rows ..] = log of sum over k of exp(z / T - max), and
//   saved[2 rows ..], saved[3 rows ..] the same of t / T (0 where TARGETS is 1)
//
// z and t are [rows, K] floats. LANES threads (1 or 64) share a row; a workgroup of 64 makes 64 / LANES rows.
// The grid is (row, ceil(rows * LANES / 64 / row), 1) workgroups.

const LANES: u32 = 1u;
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
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> saved: array<f32>;

var<workgroup> shared_z: array<f32, 64>;
var<workgroup> shared_t: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = local % LANES;
  let first = local - lane;
  let n = (group.x + group.y * p.row) * (64u / LANES) + local / LANES;
  let inside = n < p.rows;
  let base = n * p.classes;
  let inverse = 1.0 / p.temperature;

  var largest = vec2(-3.4028234e38);
  if (inside) {
    for (var k = lane; k < p.classes; k += LANES) {
      largest = max(largest, vec2(z[base + k], t[base + k]) * inverse);
    }
  }
  if (LANES > 1u) {
    shared_z[local] = largest.x;
    shared_t[local] = largest.y;
    workgroupBarrier();
    for (var k = 0u; k < LANES; k++) { largest = max(largest, vec2(shared_z[first + k], shared_t[first + k])); }
    workgroupBarrier();
  }

  var sum = vec2(0.0);
  if (inside) {
    for (var k = lane; k < p.classes; k += LANES) {
      sum += exp(vec2(z[base + k], t[base + k]) * inverse - largest);
    }
  }
  if (LANES > 1u) {
    shared_z[local] = sum.x;
    shared_t[local] = sum.y;
    workgroupBarrier();
    sum = vec2(0.0);
    for (var k = 0u; k < LANES; k++) { sum += vec2(shared_z[first + k], shared_t[first + k]); }
    workgroupBarrier();
  }
  let logsum = log(sum);

  var divergence = 0.0;
  if (inside) {
    for (var k = lane; k < p.classes; k += LANES) {
      let log_q = z[base + k] * inverse - largest.x - logsum.x;
      if (TARGETS == 0u) {
        let log_p = t[base + k] * inverse - largest.y - logsum.y;
        divergence += exp(log_p) * (log_p - log_q);
      } else if (t[base + k] != 0.0) {
        divergence += t[base + k] * (log(t[base + k]) - log_q);
      }
    }
  }
  if (LANES > 1u) {
    shared_z[local] = divergence;
    workgroupBarrier();
    divergence = 0.0;
    for (var k = 0u; k < LANES; k++) { divergence += shared_z[first + k]; }
  }

  if (inside && lane == 0u) {
    loss[n] = p.temperature * p.temperature * divergence;
    saved[n] = largest.x;
    saved[p.rows + n] = logsum.x;
    saved[2u * p.rows + n] = select(0.0, largest.y, TARGETS == 0u);
    saved[3u * p.rows + n] = select(0.0, logsum.y, TARGETS == 0u);
  }
}
