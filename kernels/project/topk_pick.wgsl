// Ends one pass of the radix select: finds the bin that holds the k-th largest key, appends its 8 bits to
// state.threshold, leaves in state.wanted how many keys of that bin are kept, and clears the bins. After the last pass
// the bin holds the threshold's equals: state.tied says whether some of them go. Follows keys.wgsl. The grid has one
// workgroup of 256.

struct Params {
  shift: u32,
}

@group(0) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  let known = atomicLoad(&state.source) == 2u;
  let prefix = atomicLoad(&state.threshold);
  let remaining = atomicLoad(&state.wanted);
  let here = atomicLoad(&state.bins[lane]);
  // The barriers inside also part these reads from the writes below.
  let above = sumFrom(lane, here);
  atomicStore(&state.bins[lane], 0u);
  let chosen = select(above >= remaining && above - here < remaining, lane == 255u, remaining == 0u);
  if (chosen && !known) {
    let wanted = remaining - (above - here) * u32(remaining > 0u);
    atomicStore(&state.threshold, prefix | (lane << p.shift));
    atomicStore(&state.wanted, wanted);
    if (p.shift == 0u) { atomicStore(&state.tied, u32(wanted < here)); }
  }
}
