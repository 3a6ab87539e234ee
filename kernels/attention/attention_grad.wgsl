// Computes one gradient of attention, with the weights made anew from lse, for each head:
//   w[i,j] = exp(scale * q[i].k[j] - lse[i]),   ds[i,j] = scale * w[i,j] * (dy[i].v[j] - delta[i])
//   OUTPUT = 0: dq[i] = sum over j of ds[i,j] k[j]     own = q, other = k, own_pair = dy, other_pair = v
//   OUTPUT = 1: dk[j] = sum over i of ds[i,j] q[i]     own = k, other = q, own_pair = v, other_pair = dy
//   OUTPUT = 2: dv[j] = sum over i of w[i,j] dy[i]     the same
//
// own and own_pair are [heads, row_pitch, width], and other and other_pair are [heads, other_pitch, width], with
// `width` items of vec4, zero beyond `depth` floats. Of their rows `rows` and `others` count. They are bound from head
// `first` on, and read through uniform bindings where those are faster. lse and delta (from delta.wgsl) are [..,
// queries], and y is [.., rows, depth] floats; these hold all heads. Workgroups, threads and grid are as in
// attention.wgsl, with 32 rows that stream over 32 of the others at a time.

const OUTPUT: u32 = 0u;
const CHUNKS: u32 = 4u;   // It is at least width / 8.

struct Params {
  first: u32,
  heads: u32,    // So many heads are bound, from the first one on.
  row: u32,      // So many heads lie along y of the grid.
  rows: u32,
  others: u32,
  row_pitch: u32,
  other_pitch: u32,
  width: u32,
  depth: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> own: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> other: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> own_pair: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> other_pair: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> lse: array<f32>;
@group(0) @binding(6) var<storage, read> delta: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

var<workgroup> weights: array<vec4<f32>, 256>;   // Its shape is [32 others, 8 teams].

fn store(row: u32, i: u32, column: u32, value: vec4<f32>) {
  if (i >= p.rows || column >= p.width) { return; }
  let at = row * p.depth + column * 4u;
  let left = p.depth - column * 4u;
  y[at] = value.x;
  if (left > 1u) { y[at + 1u] = value.y; }
  if (left > 2u) { y[at + 2u] = value.z; }
  if (left > 3u) { y[at + 3u] = value.w; }
}

// Gives what the weights multiply.
fn column(at: u32) -> vec4<f32> {
  if (OUTPUT == 2u) { return other_pair[at]; }
  return other[at];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let head = group.y + group.z * p.row;
  if (head >= p.heads) { return; }
  let team = local / 8u;
  let lane = local % 8u;
  let i0 = group.x * 32u + team * 4u;
  let last = p.rows - 1u;
  // Rows beyond the last are read as the last: nothing of theirs is kept.
  let i1 = min(i0 + 1u, last);
  let i2 = min(i0 + 2u, last);
  let i3 = min(i0 + 3u, last);
  let r0 = (head * p.row_pitch + min(i0, last)) * p.width;
  let r1 = (head * p.row_pitch + i1) * p.width;
  let r2 = (head * p.row_pitch + i2) * p.width;
  let r3 = (head * p.row_pitch + i3) * p.width;
  let first_row = (p.first + head) * p.rows;
  let first_score = (p.first + head) * p.others;
  let c0 = min(lane, p.width - 1u);
  let c1 = min(lane + 8u, p.width - 1u);
  let c2 = min(lane + 16u, p.width - 1u);
  let c3 = min(lane + 24u, p.width - 1u);
  var row_lse = vec4<f32>(0.0);
  var row_delta = vec4<f32>(0.0);
  if (OUTPUT == 0u) {
    row_lse = vec4<f32>(lse[first_row + min(i0, last)], lse[first_row + i1], lse[first_row + i2], lse[first_row + i3]);
    row_delta = vec4<f32>(delta[first_row + min(i0, last)], delta[first_row + i1], delta[first_row + i2], delta[first_row + i3]);
  }
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

  for (var block = 0u; block < p.others; block += 32u) {
    let j = block + lane * 4u;
    let j0 = min(j, p.others - 1u);
    let o0 = (head * p.other_pitch + j0) * p.width;
    let j1 = min(j + 1u, p.others - 1u);
    let o1 = (head * p.other_pitch + j1) * p.width;
    let j2 = min(j + 2u, p.others - 1u);
    let o2 = (head * p.other_pitch + j2) * p.width;
    let j3 = min(j + 3u, p.others - 1u);
    let o3 = (head * p.other_pitch + j3) * p.width;
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    for (var d = 0u; d < p.width; d++) {
      let u0 = own[r0 + d];
      let u1 = own[r1 + d];
      let u2 = own[r2 + d];
      let u3 = own[r3 + d];
      let w0 = other[o0 + d];
      let w1 = other[o1 + d];
      let w2 = other[o2 + d];
      let w3 = other[o3 + d];
      s0 += vec4<f32>(dot(u0, w0), dot(u1, w0), dot(u2, w0), dot(u3, w0));
      s1 += vec4<f32>(dot(u0, w1), dot(u1, w1), dot(u2, w1), dot(u3, w1));
      s2 += vec4<f32>(dot(u0, w2), dot(u1, w2), dot(u2, w2), dot(u3, w2));
      s3 += vec4<f32>(dot(u0, w3), dot(u1, w3), dot(u2, w3), dot(u3, w3));
    }
    if (OUTPUT == 0u) {
      s0 = exp(s0 * p.scale - row_lse);
      s1 = exp(s1 * p.scale - row_lse);
      s2 = exp(s2 * p.scale - row_lse);
      s3 = exp(s3 * p.scale - row_lse);
    } else {
      s0 = exp(s0 * p.scale - vec4<f32>(lse[first_score + j0]));
      s1 = exp(s1 * p.scale - vec4<f32>(lse[first_score + j1]));
      s2 = exp(s2 * p.scale - vec4<f32>(lse[first_score + j2]));
      s3 = exp(s3 * p.scale - vec4<f32>(lse[first_score + j3]));
    }
    if (OUTPUT != 2u) {
      var t0 = vec4<f32>(0.0);
      var t1 = vec4<f32>(0.0);
      var t2 = vec4<f32>(0.0);
      var t3 = vec4<f32>(0.0);
      for (var d = 0u; d < p.width; d++) {
        let u0 = own_pair[r0 + d];
        let u1 = own_pair[r1 + d];
        let u2 = own_pair[r2 + d];
        let u3 = own_pair[r3 + d];
        let w0 = other_pair[o0 + d];
        let w1 = other_pair[o1 + d];
        let w2 = other_pair[o2 + d];
        let w3 = other_pair[o3 + d];
        t0 += vec4<f32>(dot(u0, w0), dot(u1, w0), dot(u2, w0), dot(u3, w0));
        t1 += vec4<f32>(dot(u0, w1), dot(u1, w1), dot(u2, w1), dot(u3, w1));
        t2 += vec4<f32>(dot(u0, w2), dot(u1, w2), dot(u2, w2), dot(u3, w2));
        t3 += vec4<f32>(dot(u0, w3), dot(u1, w3), dot(u2, w3), dot(u3, w3));
      }
      if (OUTPUT == 0u) {
        s0 *= (t0 - row_delta) * p.scale;
        s1 *= (t1 - row_delta) * p.scale;
        s2 *= (t2 - row_delta) * p.scale;
        s3 *= (t3 - row_delta) * p.scale;
      } else {
        s0 *= (t0 - vec4<f32>(delta[first_score + j0])) * p.scale;
        s1 *= (t1 - vec4<f32>(delta[first_score + j1])) * p.scale;
        s2 *= (t2 - vec4<f32>(delta[first_score + j2])) * p.scale;
        s3 *= (t3 - vec4<f32>(delta[first_score + j3])) * p.scale;
      }
    }
    let mine = lane * 32u + team;
    weights[mine] = s0;
    weights[mine + 8u] = s1;
    weights[mine + 16u] = s2;
    weights[mine + 24u] = s3;
    workgroupBarrier();

    let count = min(32u, p.others - block);
    for (var o = 0u; o < count; o++) {
      let w = weights[o * 8u + team];
      let at = (head * p.other_pitch + block + o) * p.width;
      let x0 = column(at + c0);
      a0 = fma(vec4<f32>(w.x), x0, a0);
      a1 = fma(vec4<f32>(w.y), x0, a1);
      a2 = fma(vec4<f32>(w.z), x0, a2);
      a3 = fma(vec4<f32>(w.w), x0, a3);
      if (CHUNKS > 1u) {
        let x1 = column(at + c1);
        b0 = fma(vec4<f32>(w.x), x1, b0);
        b1 = fma(vec4<f32>(w.y), x1, b1);
        b2 = fma(vec4<f32>(w.z), x1, b2);
        b3 = fma(vec4<f32>(w.w), x1, b3);
      }
      if (CHUNKS > 2u) {
        let x2 = column(at + c2);
        d0 = fma(vec4<f32>(w.x), x2, d0);
        d1 = fma(vec4<f32>(w.y), x2, d1);
        d2 = fma(vec4<f32>(w.z), x2, d2);
        d3 = fma(vec4<f32>(w.w), x2, d3);
      }
      if (CHUNKS > 3u) {
        let x3 = column(at + c3);
        e0 = fma(vec4<f32>(w.x), x3, e0);
        e1 = fma(vec4<f32>(w.y), x3, e1);
        e2 = fma(vec4<f32>(w.z), x3, e2);
        e3 = fma(vec4<f32>(w.w), x3, e3);
      }
    }
    workgroupBarrier();
  }

  let r = first_row + i0;
  store(r, i0, lane, a0);
  store(r + 1u, i0 + 1u, lane, a1);
  store(r + 2u, i0 + 2u, lane, a2);
  store(r + 3u, i0 + 3u, lane, a3);
  if (CHUNKS > 1u) {
    store(r, i0, lane + 8u, b0);
    store(r + 1u, i0 + 1u, lane + 8u, b1);
    store(r + 2u, i0 + 2u, lane + 8u, b2);
    store(r + 3u, i0 + 3u, lane + 8u, b3);
  }
  if (CHUNKS > 2u) {
    store(r, i0, lane + 16u, d0);
    store(r + 1u, i0 + 1u, lane + 16u, d1);
    store(r + 2u, i0 + 2u, lane + 16u, d2);
    store(r + 3u, i0 + 3u, lane + 16u, d3);
  }
  if (CHUNKS > 3u) {
    store(r, i0, lane + 24u, e0);
    store(r + 1u, i0 + 1u, lane + 24u, e1);
    store(r + 2u, i0 + 2u, lane + 24u, e2);
    store(r + 3u, i0 + 3u, lane + 24u, e3);
  }
}
