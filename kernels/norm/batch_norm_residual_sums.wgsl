// Computes the sums of the gradients of y = act(batch norm + residual) over a slice of a channel, and the gradient g that
// both the norm and the residual get, where xhat = (x - mean) * invstd:
//   g = dy + more where act changes nothing, else 0;   partial[s, c] = (sum of g, sum of g * xhat)
// With ACTIVATION = 1 that is where y > 0, and with 2 where 0 < y < 6. MORE = 0 adds no second gradient: then any buffer may
// be bound for `more`.
//
// x, y, dy, more and g are [outer, channels, inner] with `inner` items of V; slices, workgroups and grid are as in
// moments.wgsl. statistics are what batch_norm.wgsl leaves behind its moments: [channels] of (mean, invstd), from the item
// `first` on. partial is [slices, channels] of vec2; batch_norm_grad.wgsl adds the slices.

alias V = vec4<f32>;
const ACTIVATION: u32 = 1u;
const MORE: u32 = 0u;

struct Params {
  channels: u32,
  inner: u32,
  items: u32,      // It is outer * inner.
  per_slice: u32,
  step_n: u32,     // A thread strides by 8 / inner of n.
  step_i: u32,     // A thread strides by 8 % inner of i.
  first: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> y: array<V>;
@group(0) @binding(5) var<storage, read> more: array<V>;
@group(0) @binding(6) var<storage, read_write> g: array<V>;
@group(0) @binding(7) var<storage, read_write> partials: array<vec2<f32>>;

var<workgroup> shared_sums: array<vec2<f32>, 64>;

fn total(v: V) -> f32 { return (v.x + v.y) + (v.z + v.w); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let c = group.x;
  let start = group.y * p.per_slice;
  // Eight neighbours share a run of the slice: a processor, which takes them one after another, keeps it in its cache.
  let run = (p.per_slice + 63u) / 64u * 8u;
  let first = min(start + local / 8u * run, p.items) + local % 8u;
  let end = min(min(start + (local / 8u + 1u) * run, start + p.per_slice), p.items);
  let centre = statistics[p.first + c];
  let mean = V(centre.x);
  var n = first / p.inner;
  var i = first % p.inner;
  var plain = V(0.0);
  var weighted = V(0.0);
  for (var item = first; item < end; item += 8u) {
    let at = (n * p.channels + c) * p.inner + i;
    var part = dy[at];
    if (MORE == 1u) { part += more[at]; }
    let made = y[at];
    part = select(part, V(0.0), made <= V(0.0));
    if (ACTIVATION == 2u) { part = select(part, V(0.0), made >= V(6.0)); }
    g[at] = part;
    plain += part;
    weighted += part * (x[at] - mean);
    n += p.step_n;
    i += p.step_i;
    if (i >= p.inner) {
      i -= p.inner;
      n += 1u;
    }
  }
  shared_sums[local] = vec2<f32>(total(plain), total(weighted) * centre.y);
  workgroupBarrier();
  if (local % 8u == 0u) {
    shared_sums[local] = ((shared_sums[local] + shared_sums[local + 1u]) + (shared_sums[local + 2u] + shared_sums[local + 3u])) +
      ((shared_sums[local + 4u] + shared_sums[local + 5u]) + (shared_sums[local + 6u] + shared_sums[local + 7u]));
  }
  workgroupBarrier();
  if (local == 0u) {
    partials[group.y * p.channels + c] = ((shared_sums[0] + shared_sums[8]) + (shared_sums[16] + shared_sums[24])) +
      ((shared_sums[32] + shared_sums[40]) + (shared_sums[48] + shared_sums[56]));
  }
}
