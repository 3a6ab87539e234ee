// Measures the peak rate of multiply-adds: every thread advances CHAINS independent recurrences in registers and reads
// nothing.
//
//     a_j <- a_j · m + c        j < CHAINS, each a V, 32 times per round, p.rounds rounds
//
// m and c are uniforms, so nothing can be computed ahead; the values stay near c / (1 − m), so no denormal slows
// anybody down; the sum of all chains is stored, so none is dead. More chains hide the latency of a multiply-add until
// they no longer fit in registers: how many are best, and of which width, is measured.
//
// It does threads · p.rounds · 32 · CHAINS · lanes of V · 2 operations, and writes one V per thread.
// The binding is y [threads] V. The grid is threads / 64 workgroups.

alias V = vec4<f32>;

struct Params {
  rounds: u32,
  m: f32,
  c: f32,
}

const CHAINS: u32 = 8u;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<V>;

fn eight(start: V, m: V, c: V) -> V {
  var a = fma(start, m, c);
  a = fma(a, m, c);
  a = fma(a, m, c);
  a = fma(a, m, c);
  a = fma(a, m, c);
  a = fma(a, m, c);
  a = fma(a, m, c);
  a = fma(a, m, c);
  return a;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = V(p.m);
  let c = V(p.c);
  var a0 = V(f32(id.x & 63u));
  var a1 = a0 + 1.0;
  var a2 = a0 + 2.0;
  var a3 = a0 + 3.0;
  var a4 = a0 + 4.0;
  var a5 = a0 + 5.0;
  var a6 = a0 + 6.0;
  var a7 = a0 + 7.0;
  for (var round = 0u; round < p.rounds; round++) {
    a0 = eight(a0, m, c);
    if (CHAINS > 1u) { a1 = eight(a1, m, c); }
    if (CHAINS > 2u) { a2 = eight(a2, m, c); }
    if (CHAINS > 3u) { a3 = eight(a3, m, c); }
    if (CHAINS > 4u) { a4 = eight(a4, m, c); }
    if (CHAINS > 5u) { a5 = eight(a5, m, c); }
    if (CHAINS > 6u) { a6 = eight(a6, m, c); }
    if (CHAINS > 7u) { a7 = eight(a7, m, c); }
    a0 = eight(a0, m, c);
    if (CHAINS > 1u) { a1 = eight(a1, m, c); }
    if (CHAINS > 2u) { a2 = eight(a2, m, c); }
    if (CHAINS > 3u) { a3 = eight(a3, m, c); }
    if (CHAINS > 4u) { a4 = eight(a4, m, c); }
    if (CHAINS > 5u) { a5 = eight(a5, m, c); }
    if (CHAINS > 6u) { a6 = eight(a6, m, c); }
    if (CHAINS > 7u) { a7 = eight(a7, m, c); }
    a0 = eight(a0, m, c);
    if (CHAINS > 1u) { a1 = eight(a1, m, c); }
    if (CHAINS > 2u) { a2 = eight(a2, m, c); }
    if (CHAINS > 3u) { a3 = eight(a3, m, c); }
    if (CHAINS > 4u) { a4 = eight(a4, m, c); }
    if (CHAINS > 5u) { a5 = eight(a5, m, c); }
    if (CHAINS > 6u) { a6 = eight(a6, m, c); }
    if (CHAINS > 7u) { a7 = eight(a7, m, c); }
    a0 = eight(a0, m, c);
    if (CHAINS > 1u) { a1 = eight(a1, m, c); }
    if (CHAINS > 2u) { a2 = eight(a2, m, c); }
    if (CHAINS > 3u) { a3 = eight(a3, m, c); }
    if (CHAINS > 4u) { a4 = eight(a4, m, c); }
    if (CHAINS > 5u) { a5 = eight(a5, m, c); }
    if (CHAINS > 6u) { a6 = eight(a6, m, c); }
    if (CHAINS > 7u) { a7 = eight(a7, m, c); }
  }
  var sum = a0;
  if (CHAINS > 1u) { sum += a1; }
  if (CHAINS > 2u) { sum += a2; }
  if (CHAINS > 3u) { sum += a3; }
  if (CHAINS > 4u) { sum += a4; }
  if (CHAINS > 5u) { sum += a5; }
  if (CHAINS > 6u) { sum += a6; }
  if (CHAINS > 7u) { sum += a7; }
  y[id.x] = sum;
}
