// Computes the gradients of batch norm, where xhat = (x - mean) * invstd and m = elements per channel:
//   dbeta[c], dgamma[c] = the slices' sums of batch_norm_sums.wgsl or batch_norm_residual_sums.wgsl, added in order
//   BATCH = 1 (batch statistics):    dx = gamma * invstd * (dy - dbeta / m - xhat * dgamma / m)
//   BATCH = 0 (running statistics):  dx = gamma * invstd * dy
// With ACTIVATION = 1 it is the gradient of the norm's positive part, and with 2 of that up to 6: where the norm's
// output, made again from x, is beyond, dy counts as 0.
//
// x, dy and dx are [outer, channels, inner] with `inner` items of V; parts, workgroups and grid are as in batch_norm.wgsl,
// and statistics what it leaves behind its moments: [channels] of (mean, invstd), then of (gamma * invstd, beta), from the
// item `first` on. partials are [slices, channels]. V is f32 where a map's size does not divide by 4.

alias V = vec4<f32>;
const BATCH: u32 = 1u;
const ACTIVATION: u32 = 0u;

struct Params {
  channels: u32,
  inner: u32,
  items: u32,      // It is outer * inner.
  per_part: u32,
  step_n: u32,     // A thread strides by 64 / inner of n.
  step_i: u32,     // A thread strides by 64 % inner of i.
  first: u32,
  slices: u32,
  share: f32,      // It is 1 / m.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> partials: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(6) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<V>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let c = group.x;
  var sums = vec2<f32>(0.0);
  for (var s = 0u; s < p.slices; s++) { sums += partials[s * p.channels + c]; }
  if (group.y == 0u && local == 0u) {
    dbeta[c] = sums.x;
    dgamma[c] = sums.y;
  }
  let centre = statistics[p.first + c];
  let affine = statistics[p.first + p.channels + c];
  let level = sums.x * p.share;
  let slope = centre.y * sums.y * p.share;

  let start = group.y * p.per_part;
  let end = min(start + p.per_part, p.items);
  var n = (start + local) / p.inner;
  var i = (start + local) % p.inner;
  for (var item = start + local; item < end; item += 64u) {
    let at = (n * p.channels + c) * p.inner + i;
    var centred = V(0.0);
    if (BATCH == 1u || ACTIVATION > 0u) { centred = x[at] - V(centre.x); }
    var g = dy[at];
    if (ACTIVATION > 0u) {
      let made = centred * affine.x + V(affine.y);
      g = select(g, V(0.0), made <= V(0.0));
      if (ACTIVATION == 2u) { g = select(g, V(0.0), made >= V(6.0)); }
    }
    if (BATCH == 1u) { g -= V(level) + centred * slope; }
    dx[at] = g * affine.x;
    n += p.step_n;
    i += p.step_i;
    if (i >= p.inner) {
      i -= p.inner;
      n += 1u;
    }
  }
}
