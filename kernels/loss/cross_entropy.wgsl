// Computes softmax cross-entropy with label smoothing e for each row:
//   loss[n] = logsum + max - (1 - e) * z[n, label] - e / K * sum over k of z[n, k]      (0 for rows past `valid`)
//   saved[n] = max = max over k of z[n, k],   saved[rows + n] = logsum = log of sum over k of exp(z[n, k] - max)
// max and logsum stay apart, so that large logits cost no precision.
//
// z is [rows, K] floats; labels are u32 below K. LANES threads (1 or 64) share a row; a workgroup of 64 makes 64 /
// LANES rows. The grid is (row, ceil(rows * LANES / 64 / row), 1) workgroups.

const LANES: u32 = 1u;

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
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> saved: array<f32>;

var<workgroup> maxima: array<f32, 64>;
var<workgroup> exponentials: array<f32, 64>;
var<workgroup> offsets: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = local % LANES;
  let n = (group.x + group.y * p.row) * (64u / LANES) + local / LANES;
  let inside = n < p.rows;
  let base = n * p.classes;

  var largest = -3.4028234e38;
  if (inside) {
    for (var k = lane; k < p.classes; k += LANES) { largest = max(largest, z[base + k]); }
  }
  if (LANES > 1u) {
    maxima[local] = largest;
    workgroupBarrier();
    for (var k = 0u; k < LANES; k++) { largest = max(largest, maxima[k]); }
  }

  // These are the sums of exp(z - max) and of z - max.
  var sum = 0.0;
  var offset = 0.0;
  if (inside) {
    for (var k = lane; k < p.classes; k += LANES) {
      let d = z[base + k] - largest;
      sum += exp(d);
      offset += d;
    }
  }
  if (LANES > 1u) {
    exponentials[local] = sum;
    offsets[local] = offset;
    workgroupBarrier();
    sum = 0.0;
    offset = 0.0;
    for (var k = 0u; k < LANES; k++) {
      sum += exponentials[k];
      offset += offsets[k];
    }
  }

  if (inside && lane == 0u) {
    let logsum = log(sum);
    let label = min(labels[n], p.classes - 1u);
    let picked = z[base + label] - largest;
    let row_loss = logsum - (1.0 - p.smoothing) * picked - p.smoothing / f32(p.classes) * offset;
    loss[n] = select(0.0, row_loss, n < p.valid);
    saved[n] = largest;
    saved[p.rows + n] = logsum;
  }
}
