// Sets state.limit ← one more than the index of the last equal that stays, if its tile is one of this window.
// Follows keys.wgsl. The grid has one workgroup of 256, 16 neighbouring scores per thread.

struct Params {
  count: u32, // The window has so many scores.
  tiles: u32,
  first: u32, // It counts the tiles of all windows together.
}

@group(0) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  let tile = atomicLoad(&state.tile) - p.first;
  let mine = tile < p.tiles;
  let threshold = vec4<u32>(atomicLoad(&state.threshold));
  let v = 1024u * select(0u, tile, mine) + 4u * lane;
  var equal: array<vec4<u32>, 4>;
  var sum = vec4<u32>(0u);
  for (var i = 0u; i < 4u; i++) {
    equal[i] = present(v + i, p.count) * select(vec4<u32>(0u), vec4<u32>(1u), keys(v + i) == threshold);
    sum += equal[i];
  }
  var before = sumBefore(lane, total(sum));
  if (!mine) { return; }
  let rest = atomicLoad(&state.rest);
  for (var i = 0u; i < 16u; i++) {
    let here = equal[i / 4u][i % 4u];
    before += here;
    if (here == 1u && before == rest) { atomicStore(&state.limit, 4096u * p.first + 4u * v + i + 1u); }
  }
}
