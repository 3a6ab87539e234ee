// Makes one pass of the radix select: adds to state.bins how often each value of the 8 bits at `shift` occurs among the
// keys whose known bits equal state.threshold. These are the candidates that were sifted, or all keys (state.source).
// Follows keys.wgsl. The grid is that of topk_sift.wgsl.

const SLOTS: u32 = 48u;

struct Params {
  row: u32,     // A row of the grid has so many threads.
  count: u32,   // The window has so many scores.
  threads: u32,
  first: u32,   // The window's part of found begins here, over all windows; slots begin at SLOTS · first.
  shift: u32,
  known: u32,   // It marks the bits that are already decided.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read_write> slots: array<u32>;
@group(0) @binding(6) var<storage, read_write> found: array<u32>;

var<workgroup> bins: array<atomic<u32>, 256>;

fn tally(key: u32, prefix: u32) {
  if ((key & p.known) == prefix) { atomicAdd(&bins[(key >> p.shift) & 255u], 1u); }
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let t = id.x + id.y * p.row;
  let source = atomicLoad(&state.source);
  let prefix = atomicLoad(&state.threshold);
  if (source == 0u && t < p.threads) {
    let end = found[p.first + t];
    for (var j = 0u; j < end; j++) { tally(slots[(SLOTS * p.first + t) + j * p.threads], prefix); }
  }
  if (source == 1u && t < p.threads) {
    let end = (p.count + 3u) / 4u;
    for (var v = t; v < end; v += p.threads) {
      let key = keys(v);
      let here = present(v, p.count);
      if (here.x == 1u) { tally(key.x, prefix); }
      if (here.y == 1u) { tally(key.y, prefix); }
      if (here.z == 1u) { tally(key.z, prefix); }
      if (here.w == 1u) { tally(key.w, prefix); }
    }
  }
  workgroupBarrier();
  let sum = atomicLoad(&bins[lane]);
  if (sum > 0u) { atomicAdd(&state.bins[lane], sum); }
}
