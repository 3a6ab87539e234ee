// Computes the gradients of batch norm by the batch's statistics in one dispatch, where a channel is short enough for a
// workgroup, as batch_norm_sums.wgsl and batch_norm_grad.wgsl do in two:
//   dbeta[c] = sum of dy,  dgamma[c] = sum of dy * xhat,  dx = gamma * invstd * (dy - dbeta / m - xhat * dgamma / m)
// where xhat = (x - mean) * invstd and m = elements per channel. With ACTIVATION = 1 it is the gradient of the norm's
// positive part, and with 2 of that up to 6: where the norm's output, made again from x, is beyond, dy counts as 0.
//
// x, dy and dx are [outer, channels, inner] with `inner` items of V. Each channel has a workgroup of 256 threads. scratch is
// as batch_norm_channel.wgsl has left it, and serves to add up again. The grid is (channels, 1, 1). V is f32 where `inner`
// does not divide by 4.

alias V = vec4<f32>;
const ACTIVATION: u32 = 0u;

struct Params {
  channels: u32,
  inner: u32,
  items: u32,      // It is outer * inner.
  step_n: u32,     // A thread strides by 256 / inner of n.
  step_i: u32,     // A thread strides by 256 % inner of i.
  share: f32,      // It is 1 / m.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read_write> scratch: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(5) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<V>;

fn total(v: V) -> f32 { return (v.x + v.y) + (v.z + v.w); }

// Tells all threads the sums of their values, which are added in fours of fours.
fn sums_of_group(base: u32, local: u32, value: vec2<f32>) -> vec2<f32> {
  scratch[base + local] = value;
  for (var step = 1u; step < 64u; step *= 4u) {
    storageBarrier();
    if (local % (4u * step) == 0u) {
      let at = base + local;
      scratch[at] = (scratch[at] + scratch[at + step]) + (scratch[at + 2u * step] + scratch[at + 3u * step]);
    }
  }
  storageBarrier();
  return (scratch[base] + scratch[base + 64u]) + (scratch[base + 128u] + scratch[base + 192u]);
}

// Gives dy where the activation lets it pass.
fn passed(at: u32, centred: V, affine: vec2<f32>) -> V {
  var g = dy[at];
  if (ACTIVATION > 0u) {
    let made = centred * affine.x + V(affine.y);
    g = select(g, V(0.0), made <= V(0.0));
    if (ACTIVATION == 2u) { g = select(g, V(0.0), made >= V(6.0)); }
  }
  return g;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let c = group.x;
  let centre = scratch[p.channels * 256u + c];
  let affine = scratch[p.channels * 257u + c];
  var n = local / p.inner;
  var i = local % p.inner;
  var plain = V(0.0);
  var weighted = V(0.0);
  for (var item = local; item < p.items; item += 256u) {
    let at = (n * p.channels + c) * p.inner + i;
    let centred = x[at] - V(centre.x);
    let g = passed(at, centred, affine);
    plain += g;
    weighted += g * centred;
    n += p.step_n;
    i += p.step_i;
    if (i >= p.inner) {
      i -= p.inner;
      n += 1u;
    }
  }
  let sums = sums_of_group(c * 256u, local, vec2<f32>(total(plain), total(weighted) * centre.y));
  if (local == 0u) {
    dbeta[c] = sums.x;
    dgamma[c] = sums.y;
  }
  let level = sums.x * p.share;
  let slope = centre.y * sums.y * p.share;

  n = local / p.inner;
  i = local % p.inner;
  for (var item = local; item < p.items; item += 256u) {
    let at = (n * p.channels + c) * p.inner + i;
    let centred = x[at] - V(centre.x);
    dx[at] = (passed(at, centred, affine) - V(level) - centred * slope) * affine.x;
    n += p.step_n;
    i += p.step_i;
    if (i >= p.inner) {
      i -= p.inner;
      n += 1u;
    }
  }
}
