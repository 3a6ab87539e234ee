// Finds the tile that holds the last of the equals to be kept (state.tile), and how many of its own stay (state.rest).
// With none to be kept, state.limit is 0. Follows keys.wgsl. The grid has one workgroup of 256 threads, each with a
// share of neighbouring tiles.

struct Params {
  tiles: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read_write> ties: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  let share = (p.tiles + 255u) / 256u;
  let start = min(p.tiles, lane * share);
  let end = min(p.tiles, start + share);
  var sum = 0u;
  for (var i = start; i < end; i++) { sum += ties[i]; }
  var before = sumBefore(lane, sum);
  let wanted = atomicLoad(&state.wanted);
  if (atomicLoad(&state.tied) == 0u) { return; }
  if (wanted == 0u) {
    atomicStore(&state.limit, 0u);
    return;
  }
  for (var i = start; i < end; i++) {
    let here = ties[i];
    if (before < wanted && before + here >= wanted) {
      atomicStore(&state.tile, i);
      atomicStore(&state.rest, wanted - before);
    }
    before += here;
  }
}
