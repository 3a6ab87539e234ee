// Computes y[i] = keep(i) * scale * x[i], where keep(i) = (bits(step, i) >> 8) >= threshold: inverted dropout with the
// bits of philox.ts. The gradient is the same kernel on dy: the mask is made again, never stored.
//
// Needs the fragment philox.wgsl. x and y are `count` floats. A thread makes 4 neighbours, which share a Philox block.
// The grid is (row, ceil(count / 256 / row), 1) workgroups of 64.

struct Params {
  count: u32,
  row: u32,
  key0: u32,
  key1: u32,
  step: u32,
  threshold: u32,   // It is ceil(rate * 2^24).
  scale: f32,       // It is 1 / (1 - rate).
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn one(i: u32, bits: u32) {
  if (i < p.count) { y[i] = select(0.0, p.scale * x[i], (bits >> 8u) >= p.threshold); }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let block = (group.x + group.y * p.row) * 64u + local;
  if (block * 4u >= p.count) { return; }
  let bits = philox4x32(vec4<u32>(block, p.step, 0u, 0u), vec2<u32>(p.key0, p.key1));
  one(block * 4u, bits.x);
  one(block * 4u + 1u, bits.y);
  one(block * 4u + 2u, bits.z);
  one(block * 4u + 3u, bits.w);
}
