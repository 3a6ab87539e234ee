// Normalises the channels of x, and puts the statistics that it does it by where the gradient finds them:
//   y[n, c, i] = act((x[n, c, i] - mean) * factor + beta[c] + residual[n, c, i]),   factor = gamma[c] * invstd
// BATCH = 1 puts together what moments.wgsl found of the slices (Chan, Golub, LeVeque 1979), in their order, and moves the
// running statistics:
//   d = mean_s - mean;  mean += d * n_s / (n + n_s);  M2 += M2_s + d^2 * n * n_s / (n + n_s);  n += n_s
//   invstd = 1 / sqrt(M2 / n + epsilon)
//   running_mean += blend * (mean - running_mean),  running_variance += blend * (M2 / (n - 1) - running_variance)
// blend = 1 takes the new value whatever stood there. The running variance is the unbiased one (as in PyTorch).
// BATCH = 0 normalises by the running statistics. RESIDUAL = 0 adds nothing: then any buffer may be bound for it.
// ACTIVATION = 1 takes the positive part, 2 the positive part up to 6, 0 changes nothing.
//
// x, residual and y are [outer, channels, inner] with `inner` items of V. The outer * inner items of a channel are
// numbered n * inner + i and cut into parts of `per_part`: each part and channel has a workgroup of 64 threads. scratch
// is vec2: [slices, channels] of moments, then [channels] of (mean, invstd), then [channels] of (factor, beta).
// The grid is (channels, parts, 1). V is f32 where `inner` does not divide by 4.

alias V = vec4<f32>;
const BATCH: u32 = 1u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  channels: u32,
  inner: u32,
  items: u32,       // It is outer * inner.
  per_part: u32,
  step_n: u32,      // A thread strides by 64 / inner of n.
  step_i: u32,      // A thread strides by 64 % inner of i.
  slices: u32,
  elements: u32,    // A channel has so many.
  per_slice: u32,   // A slice has so many elements, but the last one.
  epsilon: f32,
  blend: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<V>;
@group(0) @binding(5) var<storage, read_write> scratch: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(7) var<storage, read_write> running_variance: array<f32>;
@group(0) @binding(8) var<storage, read_write> y: array<V>;

// Gives mean and M2 of a whole channel.
fn joined(c: u32) -> vec2<f32> {
  var n = 0.0;
  var mean = 0.0;
  var squares = 0.0;
  for (var s = 0u; s < p.slices; s++) {
    let part = scratch[s * p.channels + c];
    let n_s = f32(min(p.per_slice, p.elements - s * p.per_slice));
    let d = part.x - mean;
    mean += d * (n_s / (n + n_s));
    squares += part.y + d * d * (n * n_s / (n + n_s));
    n += n_s;
  }
  return vec2<f32>(mean, squares);
}

fn move_running(c: u32, mean: f32, variance: f32) {
  if (p.blend >= 1.0) {
    running_mean[c] = mean;
    running_variance[c] = variance;
  } else {
    running_mean[c] += p.blend * (mean - running_mean[c]);
    running_variance[c] += p.blend * (variance - running_variance[c]);
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let c = group.x;
  let first = group.y == 0u && local == 0u;
  var mean = 0.0;
  var invstd = 0.0;
  if (BATCH == 1u) {
    let moments = joined(c);
    mean = moments.x;
    invstd = 1.0 / sqrt(moments.y / f32(p.elements) + p.epsilon);
    if (first) { move_running(c, mean, moments.y / max(f32(p.elements) - 1.0, 1.0)); }
  } else {
    mean = running_mean[c];
    invstd = 1.0 / sqrt(running_variance[c] + p.epsilon);
  }
  let factor = gamma[c] * invstd;
  let offset = beta[c];
  if (first) {
    scratch[p.slices * p.channels + c] = vec2<f32>(mean, invstd);
    scratch[(p.slices + 1u) * p.channels + c] = vec2<f32>(factor, offset);
  }

  let start = group.y * p.per_part;
  let end = min(start + p.per_part, p.items);
  var n = (start + local) / p.inner;
  var i = (start + local) % p.inner;
  for (var item = start + local; item < end; item += 64u) {
    let at = (n * p.channels + c) * p.inner + i;
    var v = (x[at] - V(mean)) * factor + V(offset);
    if (RESIDUAL == 1u) { v += residual[at]; }
    if (ACTIVATION > 0u) { v = select(v, V(0.0), v <= V(0.0)); }
    if (ACTIVATION == 2u) { v = select(v, V(6.0), v >= V(6.0)); }
    y[at] = v;
    n += p.step_n;
    i += p.step_i;
    if (i >= p.inner) {
      i -= p.inner;
      n += 1u;
    }
  }
}
