// Begins a long selection: low and high become the `lower`-th and the `upper`-th largest of the sampled keys, so that
// the k-th largest of all lies between them but for very bad luck (topk_judge.wgsl looks). Rank 0 stands for the
// largest key that there can be, a rank beyond the samples for 0. Without samples nothing is known, and all keys are
// counted.
// Follows keys.wgsl. The grid has one workgroup of 256.

struct Params {
  samples: u32,
  lower: u32,
  upper: u32,
  k: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read_write> samples: array<u32>;

var<workgroup> bins: array<atomic<u32>, 256>;
var<workgroup> prefix: u32;
var<workgroup> left: u32;

/// Gives the key of this rank among the samples. All lanes must call it.
fn ranked(rank: u32, lane: u32) -> u32 {
  if (lane == 0u) {
    prefix = 0u;
    left = rank;
  }
  for (var round = 0u; round < 4u; round++) {
    let shift = 24u - 8u * round;
    let known = ~(0xffffffffu >> (8u * round));
    atomicStore(&bins[lane], 0u);
    workgroupBarrier();
    let begun = prefix;
    let remaining = left;
    for (var s = lane; s < p.samples; s += 256u) {
      let key = samples[s];
      if ((key & known) == begun) { atomicAdd(&bins[(key >> shift) & 255u], 1u); }
    }
    workgroupBarrier();
    let here = atomicLoad(&bins[lane]);
    let above = sumFrom(lane, here);
    if (above >= remaining && above - here < remaining) {
      prefix = begun | (lane << shift);
      left = remaining - (above - here);
    }
    workgroupBarrier();
  }
  return prefix;
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  let low = ranked(p.lower, lane);
  workgroupBarrier();
  let high = ranked(p.upper, lane);
  atomicStore(&state.bins[lane], 0u);
  if (lane != 0u) { return; }
  atomicStore(&state.low, select(low, 0u, p.lower > p.samples));
  atomicStore(&state.high, select(high, 0xffffffffu, p.upper == 0u));
  atomicStore(&state.above, 0u);
  atomicStore(&state.inside, 0u);
  atomicStore(&state.spilled, 0u);
  atomicStore(&state.source, 1u);
  atomicStore(&state.threshold, 0u);
  atomicStore(&state.wanted, p.k);
  atomicStore(&state.tied, 0u);
  atomicStore(&state.limit, 0xffffffffu);
  atomicStore(&state.tile, 0xffffffffu);
  atomicStore(&state.rest, 0u);
  atomicStore(&state.bad, 0u);
}
