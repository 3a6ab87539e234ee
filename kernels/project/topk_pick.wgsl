// Ends one pass of the radix select: finds the bin that holds the k-th largest key, appends its 8 bits to state.threshold,
// leaves in state.wanted how many keys of that bin are kept, and clears the bins. Follows order.wgsl.
// Grid: one workgroup of 256.

struct Params {
  shift: u32,
  k: u32,
}

struct State {
  threshold: u32,
  wanted: u32,
  bad: u32,
  unused: u32,
  bins: array<u32, 256>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> state: State;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  let prefix = state.threshold;
  let remaining = select(state.wanted, p.k, p.shift == 24u);
  let here = state.bins[lane];
  // The barriers inside also part these reads from the writes below.
  let above = sumFrom(lane, here);
  storageBarrier();
  state.bins[lane] = 0u;
  let chosen = select(above >= remaining && above - here < remaining, lane == 255u, remaining == 0u);
  if (chosen) {
    state.threshold = prefix | (lane << p.shift);
    state.wanted = remaining - (above - here) * u32(remaining > 0u);
  }
}
