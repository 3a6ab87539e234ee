// Looks after sifting whether the k-th largest key is in low … high, and all candidates are at hand. Then they are
// counted from here on, else all keys are (state.source stays 1). A bracket of one single key is the answer already.
// Follows keys.wgsl. The grid has one thread.

struct Params {
  k: u32,
}

@group(0) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(1)
fn main() {
  let above = atomicLoad(&state.above);
  let inside = atomicLoad(&state.inside);
  if (p.k <= above || p.k > above + inside) { return; }
  let low = atomicLoad(&state.low);
  if (low == atomicLoad(&state.high)) {
    atomicStore(&state.source, 2u);
    atomicStore(&state.threshold, low);
    atomicStore(&state.wanted, p.k - above);
    atomicStore(&state.tied, u32(p.k - above < inside));
  } else if (atomicLoad(&state.spilled) == 0u) {
    atomicStore(&state.source, 0u);
    atomicStore(&state.wanted, p.k - above);
  }
}
