// Puts the slices' moments together (Chan, Golub, LeVeque 1979), in their order:
//   d = mean_s - mean;  mean += d * n_s / (n + n_s);  M2 += M2_s + d^2 * n * n_s / (n + n_s);  n += n_s
//   statistics[c] = mean,  statistics[channels + c] = 1 / sqrt(M2 / n + epsilon)
//   running_mean += blend * (mean - running_mean),  running_variance += blend * (M2 / (n - 1) - running_variance)
// blend = 1 takes the new value whatever stood there. The running variance is the unbiased one (as in PyTorch).
//
// partials are [slices, channels] of (mean, M2), with `per_slice` elements in each slice but the last, and `elements`
// in all.
// Each channel has a thread. The grid is (ceil(channels / 64), 1, 1) workgroups of 64.

struct Params {
  channels: u32,
  slices: u32,
  elements: u32,
  per_slice: u32,
  epsilon: f32,
  blend: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partials: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(3) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> running_variance: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let c = id.x;
  if (c >= p.channels) { return; }
  var n = 0.0;
  var mean = 0.0;
  var squares = 0.0;
  for (var s = 0u; s < p.slices; s++) {
    let part = partials[s * p.channels + c];
    let n_s = f32(min(p.per_slice, p.elements - s * p.per_slice));
    let d = part.x - mean;
    mean += d * (n_s / (n + n_s));
    squares += part.y + d * d * (n * n_s / (n + n_s));
    n += n_s;
  }
  statistics[c] = mean;
  statistics[p.channels + c] = 1.0 / sqrt(squares / n + p.epsilon);
  let variance = squares / max(n - 1.0, 1.0);
  if (p.blend >= 1.0) {
    running_mean[c] = mean;
    running_variance[c] = variance;
  } else {
    running_mean[c] += p.blend * (mean - running_mean[c]);
    running_variance[c] += p.blend * (variance - running_variance[c]);
  }
}
