// Makes counter-based random bits by Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1,
// 2, 3", SC 2011).
//
//   round:  (hi0, lo0) = M0 * c.x;  (hi1, lo1) = M1 * c.z
//           c <- (hi1 ^ c.y ^ k.x, lo1, hi0 ^ c.w ^ k.y, lo0);   k <- k + (W0, W1) between rounds
//
// This is a fragment without bindings and entry point: concatenate it with a kernel. It agrees bit for bit with the
// host's philox.ts, which fixes the layout:
//   counter = (index >> 2, step, 0, 0), word index & 3, key = streamKey(seed, stream).
// A thread that wants four neighbours calls philox4x32 once; one that wants a single element calls philox_bits.

// Gives the upper 32 bits of a * b, from 16-bit halves: no partial sum passes 32 bits.
fn philox_mulhi(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let mid = ah * bl + ((al * bl) >> 16u);
  let low = al * bh + (mid & 0xffffu);
  return ah * bh + (mid >> 16u) + (low >> 16u);
}

fn philox_round(c: vec4<u32>, k: vec2<u32>) -> vec4<u32> {
  return vec4<u32>(
    philox_mulhi(0xCD9E8D57u, c.z) ^ c.y ^ k.x,
    0xCD9E8D57u * c.z,
    philox_mulhi(0xD2511F53u, c.x) ^ c.w ^ k.y,
    0xD2511F53u * c.x,
  );
}

fn philox4x32(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
  let w = vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
  var k = key;
  var c = philox_round(counter, k);
  k += w;
  c = philox_round(c, k);
  k += w;
  c = philox_round(c, k);
  k += w;
  c = philox_round(c, k);
  k += w;
  c = philox_round(c, k);
  k += w;
  c = philox_round(c, k);
  k += w;
  c = philox_round(c, k);
  k += w;
  c = philox_round(c, k);
  k += w;
  c = philox_round(c, k);
  k += w;
  return philox_round(c, k);
}

// Does what Rng.bits(step, index) does on the host.
fn philox_bits(key: vec2<u32>, step: u32, index: u32) -> u32 {
  return philox4x32(vec4<u32>(index >> 2u, step, 0u, 0u), key)[index & 3u];
}

// Makes the host's Rng.uniform from its bits: a number in [0, 1) in steps of 2^-24, exact in f32.
fn philox_uniform(bits: u32) -> f32 {
  return f32(bits >> 8u) * 5.9604644775390625e-8;
}
