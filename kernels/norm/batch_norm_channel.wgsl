// Normalises the channels of x by the batch's statistics in one dispatch, where a channel is short enough for a workgroup:
// mean and squared deviations as in moments.wgsl, and everything else as in batch_norm.wgsl with BATCH = 1:
//   y[n, c, i] = act((x[n, c, i] - mean) * factor + beta[c] + residual[n, c, i]),   factor = gamma[c] * invstd
//   running_mean += blend * (mean - running_mean),  running_variance += blend * (M2 / (n - 1) - running_variance)
// RESIDUAL = 0 adds nothing: then any buffer may be bound for it.
//
// x, residual and y are [outer, channels, inner] with `inner` items of V. Each channel has a workgroup of 256 threads,
// which add up in scratch, because there is a binding for no other memory: it is vec2, [channels, 256] for the sums, then
// [channels] of (mean, invstd), then [channels] of (factor, beta). The grid is (channels, 1, 1). V is f32 where `inner`
// does not divide by 4.

alias V = vec4<f32>;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  channels: u32,
  inner: u32,
  items: u32,      // It is outer * inner.
  step_n: u32,     // A thread strides by 256 / inner of n.
  step_i: u32,     // A thread strides by 256 % inner of i.
  elements: u32,   // A channel has so many.
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

fn total(v: V) -> f32 { return (v.x + v.y) + (v.z + v.w); }

// Tells all threads the sum of their values, which are added in fours of fours.
fn sum_of_group(base: u32, local: u32, value: f32) -> f32 {
  storageBarrier();
  scratch[base + local] = vec2<f32>(value, 0.0);
  for (var step = 1u; step < 64u; step *= 4u) {
    storageBarrier();
    if (local % (4u * step) == 0u) {
      let at = base + local;
      scratch[at].x = (scratch[at].x + scratch[at + step].x) + (scratch[at + 2u * step].x + scratch[at + 3u * step].x);
    }
  }
  storageBarrier();
  return (scratch[base].x + scratch[base + 64u].x) + (scratch[base + 128u].x + scratch[base + 192u].x);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let c = group.x;
  var n = local / p.inner;
  var i = local % p.inner;
  var count = 0.0;
  var own = V(0.0);
  var squares = V(0.0);
  for (var item = local; item < p.items; item += 256u) {
    let v = x[(n * p.channels + c) * p.inner + i];
    let d = v - own;
    count += 1.0;
    own += d / count;
    squares += d * (v - own);
    n += p.step_n;
    i += p.step_i;
    if (i >= p.inner) {
      i -= p.inner;
      n += 1u;
    }
  }
  let elements = f32(p.elements);
  let mean = sum_of_group(c * 256u, local, count * total(own)) / elements;
  let e = own - V(mean);
  let deviation = sum_of_group(c * 256u, local, total(squares) + count * total(e * e));
  let invstd = 1.0 / sqrt(deviation / elements + p.epsilon);
  let factor = gamma[c] * invstd;
  let offset = beta[c];
  if (local == 0u) {
    scratch[p.channels * 256u + c] = vec2<f32>(mean, invstd);
    scratch[p.channels * 257u + c] = vec2<f32>(factor, offset);
    let variance = deviation / max(elements - 1.0, 1.0);
    if (p.blend >= 1.0) {
      running_mean[c] = mean;
      running_variance[c] = variance;
    } else {
      running_mean[c] += p.blend * (mean - running_mean[c]);
      running_variance[c] += p.blend * (variance - running_variance[c]);
    }
  }

  n = local / p.inner;
  i = local % p.inner;
  for (var item = local; item < p.items; item += 256u) {
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
