// Computes attention with a running maximum and sum (Dao et al., arXiv 2205.14135), for each head:
//   y[i] = sum over j of exp(scale * q[i].k[j] - lse[i]) * v[j],   lse[i] = log(sum over j of exp(scale * q[i].k[j]))
//
// Row r of head h of sample n begins at first + n * sample + h * head + r * row of its value: q, k and v are counted in
// items of vec4, of which a row has `width`, zero beyond `depth` floats; y is counted in floats, with first = 0. q, k
// and v are bound from head `first` on, and read through uniform bindings where those are faster; y is bound as a
// whole.
// lse is [heads, queries] of all heads, which the gradient reads.
// 64 threads make 32 queries and stream over 32 keys at a time; a workgroup has SLICES times as many, which take the
// keys in turns and add what they have at the end. Threads 8t..8t+7 own the queries 4t..4t+3: each makes their products
// with 4 of the keys (the components of a vec4 are the 4 queries) and keeps the sums of the columns lane, lane + 8, …
// of their outputs, CHUNKS vec4 each. The grid is (ceil(queries / 32), heads or less, …) workgroups.

const CHUNKS: u32 = 4u;   // It is at least width / 8.
const SLICES: u32 = 1u;   // It is 1 or 2.
const LOWEST: f32 = -1.0e30;

struct Params {
  first: u32,
  heads: u32,    // So many heads are bound, from the first one on.
  row: u32,      // So many heads lie along y of the grid.
  queries: u32,
  keys: u32,
  width: u32,
  depth: u32,
  per_sample: u32,   // A sample has so many heads.
  scale: f32,
  q_first: u32,
  q_sample: u32,
  q_head: u32,
  q_row: u32,
  k_first: u32,
  k_sample: u32,
  k_head: u32,
  k_row: u32,
  v_first: u32,
  v_sample: u32,
  v_head: u32,
  v_row: u32,
  y_sample: u32,
  y_head: u32,
  y_row: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

const GROUP: u32 = 64u * SLICES;
const WEIGHTS: u32 = 256u * SLICES;

// This is [slices, 32 keys, 8 teams]; in the end it holds what another slice has.
var<workgroup> weights: array<vec4<f32>, WEIGHTS>;
var<workgroup> shared_parts: array<vec4<f32>, GROUP>;

fn store(head_at: u32, i: u32, column: u32, value: vec4<f32>) {
  if (i >= p.queries || column >= p.width) { return; }
  let at = head_at + i * p.y_row + column * 4u;
  let left = p.depth - column * 4u;
  y[at] = value.x;
  if (left > 1u) { y[at + 1u] = value.y; }
  if (left > 2u) { y[at + 2u] = value.z; }
  if (left > 3u) { y[at + 3u] = value.w; }
}

// Adds up what two slices have of the same sum.
fn joined(own: vec4<f32>, own_share: f32, at: u32, other_share: f32) -> vec4<f32> {
  return fma(weights[at], vec4<f32>(other_share), own * own_share);
}

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let head = group.y + group.z * p.row;
  if (head >= p.heads) { return; }
  // Compilers that don't know how many threads there are would keep what is 0 in registers.
  var slice = 0u;
  if (SLICES > 1u) { slice = local / 64u; }
  let thread = local - slice * 64u;
  let team = thread / 8u;
  let lane = thread % 8u;
  let i0 = group.x * 32u + team * 4u;
  let sample = head / p.per_sample;
  let own_head = head % p.per_sample;
  let q_at = p.q_first + sample * p.q_sample + own_head * p.q_head;
  let k_at = p.k_first + sample * p.k_sample + own_head * p.k_head;
  let v_at = p.v_first + sample * p.v_sample + own_head * p.v_head;
  // Queries and keys beyond the last are read as the last: nothing of theirs is kept.
  let last_query = p.queries - 1u;
  let last_key = p.keys - 1u;
  let q0 = q_at + min(i0, last_query) * p.q_row;
  let q1 = q_at + min(i0 + 1u, last_query) * p.q_row;
  let q2 = q_at + min(i0 + 2u, last_query) * p.q_row;
  let q3 = q_at + min(i0 + 3u, last_query) * p.q_row;
  let c0 = min(lane, p.width - 1u);
  let c1 = min(lane + 8u, p.width - 1u);
  let c2 = min(lane + 16u, p.width - 1u);
  let c3 = min(lane + 24u, p.width - 1u);

  var high = vec4<f32>(LOWEST);
  var sum = vec4<f32>(0.0);   // It goes over this thread's keys only.
  var a0 = vec4<f32>(0.0);
  var a1 = vec4<f32>(0.0);
  var a2 = vec4<f32>(0.0);
  var a3 = vec4<f32>(0.0);
  var b0 = vec4<f32>(0.0);
  var b1 = vec4<f32>(0.0);
  var b2 = vec4<f32>(0.0);
  var b3 = vec4<f32>(0.0);
  var d0 = vec4<f32>(0.0);
  var d1 = vec4<f32>(0.0);
  var d2 = vec4<f32>(0.0);
  var d3 = vec4<f32>(0.0);
  var e0 = vec4<f32>(0.0);
  var e1 = vec4<f32>(0.0);
  var e2 = vec4<f32>(0.0);
  var e3 = vec4<f32>(0.0);

  for (var round = 0u; round < p.keys; round += 32u * SLICES) {
    // It may lie beyond the last key: then nothing is added.
    let block = round + slice * 32u;
    let j = block + lane * 4u;
    let k0 = k_at + min(j, last_key) * p.k_row;
    let k1 = k_at + min(j + 1u, last_key) * p.k_row;
    let k2 = k_at + min(j + 2u, last_key) * p.k_row;
    let k3 = k_at + min(j + 3u, last_key) * p.k_row;
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    // A team without a query has nothing to sum.
    if (i0 < p.queries) {
      for (var d = 0u; d < p.width; d++) {
        let u0 = q[q0 + d];
        let u1 = q[q1 + d];
        let u2 = q[q2 + d];
        let u3 = q[q3 + d];
        let w0 = k[k0 + d];
        let w1 = k[k1 + d];
        let w2 = k[k2 + d];
        let w3 = k[k3 + d];
        let qx = vec4<f32>(u0.x, u1.x, u2.x, u3.x);
        s0 = fma(qx, vec4<f32>(w0.x), s0);
        s1 = fma(qx, vec4<f32>(w1.x), s1);
        s2 = fma(qx, vec4<f32>(w2.x), s2);
        s3 = fma(qx, vec4<f32>(w3.x), s3);
        let qy = vec4<f32>(u0.y, u1.y, u2.y, u3.y);
        s0 = fma(qy, vec4<f32>(w0.y), s0);
        s1 = fma(qy, vec4<f32>(w1.y), s1);
        s2 = fma(qy, vec4<f32>(w2.y), s2);
        s3 = fma(qy, vec4<f32>(w3.y), s3);
        let qz = vec4<f32>(u0.z, u1.z, u2.z, u3.z);
        s0 = fma(qz, vec4<f32>(w0.z), s0);
        s1 = fma(qz, vec4<f32>(w1.z), s1);
        s2 = fma(qz, vec4<f32>(w2.z), s2);
        s3 = fma(qz, vec4<f32>(w3.z), s3);
        let qw = vec4<f32>(u0.w, u1.w, u2.w, u3.w);
        s0 = fma(qw, vec4<f32>(w0.w), s0);
        s1 = fma(qw, vec4<f32>(w1.w), s1);
        s2 = fma(qw, vec4<f32>(w2.w), s2);
        s3 = fma(qw, vec4<f32>(w3.w), s3);
      }
    }
    s0 = select(vec4<f32>(LOWEST), s0 * p.scale, j < p.keys);
    s1 = select(vec4<f32>(LOWEST), s1 * p.scale, j + 1u < p.keys);
    s2 = select(vec4<f32>(LOWEST), s2 * p.scale, j + 2u < p.keys);
    s3 = select(vec4<f32>(LOWEST), s3 * p.scale, j + 3u < p.keys);

    shared_parts[local] = max(max(s0, s1), max(s2, s3));
    workgroupBarrier();
    var higher = high;
    for (var other = 0u; other < 8u; other++) { higher = max(higher, shared_parts[local - lane + other]); }
    let fade = exp(high - higher);
    high = higher;
    s0 = exp(s0 - high);
    s1 = exp(s1 - high);
    s2 = exp(s2 - high);
    s3 = exp(s3 - high);
    sum = sum * fade + ((s0 + s1) + (s2 + s3));
    let own = slice * 256u + lane * 32u + team;
    weights[own] = s0;
    weights[own + 8u] = s1;
    weights[own + 16u] = s2;
    weights[own + 24u] = s3;
    a0 *= fade.x;
    a1 *= fade.y;
    a2 *= fade.z;
    a3 *= fade.w;
    if (CHUNKS > 1u) {
      b0 *= fade.x;
      b1 *= fade.y;
      b2 *= fade.z;
      b3 *= fade.w;
    }
    if (CHUNKS > 2u) {
      d0 *= fade.x;
      d1 *= fade.y;
      d2 *= fade.z;
      d3 *= fade.w;
    }
    if (CHUNKS > 3u) {
      e0 *= fade.x;
      e1 *= fade.y;
      e2 *= fade.z;
      e3 *= fade.w;
    }
    workgroupBarrier();

    // This takes two keys at a time; what stands in for one beyond the last has a weight of 0.
    let count = select(0u, min(32u, p.keys - min(block, p.keys)), i0 < p.queries);
    for (var key = 0u; key < count; key += 2u) {
      let w0 = weights[slice * 256u + key * 8u + team];
      let w1 = weights[slice * 256u + (key + 1u) * 8u + team];
      let v0 = v_at + min(block + key, last_key) * p.v_row;
      let v1 = v_at + min(block + key + 1u, last_key) * p.v_row;
      let x0 = v[v0 + c0];
      let x1 = v[v1 + c0];
      a0 = fma(vec4<f32>(w0.x), x0, a0);
      a1 = fma(vec4<f32>(w0.y), x0, a1);
      a2 = fma(vec4<f32>(w0.z), x0, a2);
      a3 = fma(vec4<f32>(w0.w), x0, a3);
      a0 = fma(vec4<f32>(w1.x), x1, a0);
      a1 = fma(vec4<f32>(w1.y), x1, a1);
      a2 = fma(vec4<f32>(w1.z), x1, a2);
      a3 = fma(vec4<f32>(w1.w), x1, a3);
      if (CHUNKS > 1u) {
        let x0 = v[v0 + c1];
        let x1 = v[v1 + c1];
        b0 = fma(vec4<f32>(w0.x), x0, b0);
        b1 = fma(vec4<f32>(w0.y), x0, b1);
        b2 = fma(vec4<f32>(w0.z), x0, b2);
        b3 = fma(vec4<f32>(w0.w), x0, b3);
        b0 = fma(vec4<f32>(w1.x), x1, b0);
        b1 = fma(vec4<f32>(w1.y), x1, b1);
        b2 = fma(vec4<f32>(w1.z), x1, b2);
        b3 = fma(vec4<f32>(w1.w), x1, b3);
      }
      if (CHUNKS > 2u) {
        let x0 = v[v0 + c2];
        let x1 = v[v1 + c2];
        d0 = fma(vec4<f32>(w0.x), x0, d0);
        d1 = fma(vec4<f32>(w0.y), x0, d1);
        d2 = fma(vec4<f32>(w0.z), x0, d2);
        d3 = fma(vec4<f32>(w0.w), x0, d3);
        d0 = fma(vec4<f32>(w1.x), x1, d0);
        d1 = fma(vec4<f32>(w1.y), x1, d1);
        d2 = fma(vec4<f32>(w1.z), x1, d2);
        d3 = fma(vec4<f32>(w1.w), x1, d3);
      }
      if (CHUNKS > 3u) {
        let x0 = v[v0 + c3];
        let x1 = v[v1 + c3];
        e0 = fma(vec4<f32>(w0.x), x0, e0);
        e1 = fma(vec4<f32>(w0.y), x0, e1);
        e2 = fma(vec4<f32>(w0.z), x0, e2);
        e3 = fma(vec4<f32>(w0.w), x0, e3);
        e0 = fma(vec4<f32>(w1.x), x1, e0);
        e1 = fma(vec4<f32>(w1.y), x1, e1);
        e2 = fma(vec4<f32>(w1.z), x1, e2);
        e3 = fma(vec4<f32>(w1.w), x1, e3);
      }
    }
  }

  // Every thread has read the maxima before the barrier at the weights.
  shared_parts[local] = sum;
  workgroupBarrier();
  var all = vec4<f32>(0.0);
  for (var other = 0u; other < 8u; other++) { all += shared_parts[local - lane + other]; }
  if (SLICES > 1u) {
    // The first slice takes in what the second has: all have met since anybody read a weight.
    if (slice == 1u) {
      weights[256u + thread] = high;
      weights[320u + thread] = all;
      weights[thread] = a0;
      weights[64u + thread] = a1;
      weights[128u + thread] = a2;
      weights[192u + thread] = a3;
    }
    workgroupBarrier();
    let other_high = weights[256u + thread];
    let highest = max(high, other_high);
    let share = exp(high - highest);
    let other_share = exp(other_high - highest);
    all = all * share + weights[320u + thread] * other_share;
    high = highest;
    a0 = joined(a0, share.x, thread, other_share.x);
    a1 = joined(a1, share.y, 64u + thread, other_share.y);
    a2 = joined(a2, share.z, 128u + thread, other_share.z);
    a3 = joined(a3, share.w, 192u + thread, other_share.w);
    if (CHUNKS > 1u) {
      workgroupBarrier();
      if (slice == 1u) {
        weights[thread] = b0;
        weights[64u + thread] = b1;
        weights[128u + thread] = b2;
        weights[192u + thread] = b3;
      }
      workgroupBarrier();
      b0 = joined(b0, share.x, thread, other_share.x);
      b1 = joined(b1, share.y, 64u + thread, other_share.y);
      b2 = joined(b2, share.z, 128u + thread, other_share.z);
      b3 = joined(b3, share.w, 192u + thread, other_share.w);
    }
    if (CHUNKS > 2u) {
      workgroupBarrier();
      if (slice == 1u) {
        weights[thread] = d0;
        weights[64u + thread] = d1;
        weights[128u + thread] = d2;
        weights[192u + thread] = d3;
      }
      workgroupBarrier();
      d0 = joined(d0, share.x, thread, other_share.x);
      d1 = joined(d1, share.y, 64u + thread, other_share.y);
      d2 = joined(d2, share.z, 128u + thread, other_share.z);
      d3 = joined(d3, share.w, 192u + thread, other_share.w);
    }
    if (CHUNKS > 3u) {
      workgroupBarrier();
      if (slice == 1u) {
        weights[thread] = e0;
        weights[64u + thread] = e1;
        weights[128u + thread] = e2;
        weights[192u + thread] = e3;
      }
      workgroupBarrier();
      e0 = joined(e0, share.x, thread, other_share.x);
      e1 = joined(e1, share.y, 64u + thread, other_share.y);
      e2 = joined(e2, share.z, 128u + thread, other_share.z);
      e3 = joined(e3, share.w, 192u + thread, other_share.w);
    }
    if (slice == 1u) { return; }
  }
  let factor = 1.0 / all;
  let all_head = p.first + head;
  if (lane == 0u) {
    let r = all_head * p.queries + i0;
    let logs = high + log(all);
    if (i0 < p.queries) { lse[r] = logs.x; }
    if (i0 + 1u < p.queries) { lse[r + 1u] = logs.y; }
    if (i0 + 2u < p.queries) { lse[r + 2u] = logs.z; }
    if (i0 + 3u < p.queries) { lse[r + 3u] = logs.w; }
  }
  let y_at = (all_head / p.per_sample) * p.y_sample + (all_head % p.per_sample) * p.y_head;
  store(y_at, i0, lane, a0 * factor.x);
  store(y_at, i0 + 1u, lane, a1 * factor.y);
  store(y_at, i0 + 2u, lane, a2 * factor.z);
  store(y_at, i0 + 3u, lane, a3 * factor.w);
  if (CHUNKS > 1u) {
    store(y_at, i0, lane + 8u, b0 * factor.x);
    store(y_at, i0 + 1u, lane + 8u, b1 * factor.y);
    store(y_at, i0 + 2u, lane + 8u, b2 * factor.z);
    store(y_at, i0 + 3u, lane + 8u, b3 * factor.w);
  }
  if (CHUNKS > 2u) {
    store(y_at, i0, lane + 16u, d0 * factor.x);
    store(y_at, i0 + 1u, lane + 16u, d1 * factor.y);
    store(y_at, i0 + 2u, lane + 16u, d2 * factor.z);
    store(y_at, i0 + 3u, lane + 16u, d3 * factor.w);
  }
  if (CHUNKS > 3u) {
    store(y_at, i0, lane + 24u, e0 * factor.x);
    store(y_at, i0 + 1u, lane + 24u, e1 * factor.y);
    store(y_at, i0 + 2u, lane + 24u, e2 * factor.z);
    store(y_at, i0 + 3u, lane + 24u, e3 * factor.w);
  }
}
