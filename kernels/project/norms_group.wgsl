// Computes scores[g·splits + s] (+)= scale · Σ v_e² over the s-th share of group g, where v = w (+ u), and 0 where
// frozen = 0.
// Each share has a workgroup, with a fixed tree at its end. This is for groups of many elements (filters, channels, a
// whole tensor).
//
// The tensor is [F, C, KK] (see layout.ts); `kept` are the sizes of the grid of groups, `summed` those inside a group.
// With splits > 1 the shares of a group are partial sums, which norms_thread.wgsl adds up.
// A workgroup has 64 threads and takes share x + y·row. An input that a variant doesn't use may hold any buffer.

const DUAL: u32 = 0u;
const FROZEN: u32 = 0u;

struct Params {
  row: u32,        // A row of the grid has so many workgroups.
  count: u32,      // It is groups · splits.
  splits: u32,
  share: u32,      // A share has so many elements.
  length: u32,     // A group has so many elements.
  keptC: u32,
  keptK: u32,
  summedC: u32,
  summedK: u32,
  C: u32,
  KK: u32,
  gf: u32,
  gc: u32,
  gk: u32,
  accumulate: u32, // It is 1 to add to the scores.
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> u: array<f32>;
@group(0) @binding(3) var<storage, read> frozen: array<f32>;
@group(0) @binding(4) var<storage, read_write> scores: array<f32>;

var<workgroup> sums: array<f32, 64>;

fn square(e: u32) -> f32 {
  var v = w[e];
  if (DUAL == 1u) { v += u[e]; }
  if (FROZEN == 1u && frozen[e] == 0.0) { v = 0.0; }
  return v * v;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let t = group.x + group.y * p.row;
  if (t >= p.count) { return; }
  let q = t / p.splits;
  let part = t % p.splits;
  let k = q % p.keptK;
  let c = (q / p.keptK) % p.keptC;
  let f = q / (p.keptK * p.keptC);
  let first = (f * p.C + c) * p.KK + k;
  let end = min(p.length, (part + 1u) * p.share);
  var sum = 0.0;
  for (var r = part * p.share + lane; r < end; r += 64u) {
    let l = r % p.summedK;
    let j = (r / p.summedK) % p.summedC;
    let i = r / (p.summedK * p.summedC);
    sum += square(first + (i * p.C + j) * p.KK + l);
  }
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) {
    let slot = (f * p.gf + c * p.gc + k * p.gk) * p.splits + part;
    scores[slot] = select(0.0, scores[slot], p.accumulate == 1u) + p.scale * sums[0];
  }
}
