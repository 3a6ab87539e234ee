// Computes scores[g] (+)= scale · Σ_{e ∈ g} v_e², where v = w (+ u), and 0 where frozen = 0, with one thread per group.
// This is for many groups of few elements: kernels, blocks, runs of a kernel, single weights.
//
// The tensor is [F, C, KK] (see layout.ts); `kept` are the sizes of the grid of groups, `summed` those inside a group,
// `step` is how far neighbouring groups lie apart (0 along an axis that is summed over). The last blocks may reach
// beyond the tensor. With SQUARE = 0 it sums v itself (the second stage of the other norms).
// A workgroup has 64 threads; thread t = x + y·row takes group t. An input that a variant doesn't use may hold any
// read-only buffer.

const SQUARE: u32 = 1u;
const DUAL: u32 = 0u;
const FROZEN: u32 = 0u;

struct Params {
  row: u32,        // A row of the grid has so many threads.
  count: u32,      // There are so many groups.
  keptC: u32,
  keptK: u32,
  summedF: u32,
  summedC: u32,
  summedK: u32,
  stepF: u32,
  stepC: u32,
  stepK: u32,
  F: u32,
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

fn term(e: u32) -> f32 {
  var v = w[e];
  if (DUAL == 1u) { v += u[e]; }
  if (FROZEN == 1u && frozen[e] == 0.0) { v = 0.0; }
  if (SQUARE == 1u) { return v * v; }
  return v;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let t = id.x + id.y * p.row;
  if (t >= p.count) { return; }
  let k = t % p.keptK;
  let c = (t / p.keptK) % p.keptC;
  let f = t / (p.keptK * p.keptC);
  let endF = min(p.F, f * p.stepF + p.summedF);
  let endC = min(p.C, c * p.stepC + p.summedC);
  var sum = 0.0;
  for (var i = f * p.stepF; i < endF; i++) {
    for (var j = c * p.stepC; j < endC; j++) {
      let run = (i * p.C + j) * p.KK + k * p.stepK;
      for (var l = 0u; l < p.summedK; l++) { sum += term(run + l); }
    }
  }
  let g = f * p.gf + c * p.gc + k * p.gk;
  scores[g] = select(0.0, scores[g], p.accumulate == 1u) + p.scale * sum;
}
