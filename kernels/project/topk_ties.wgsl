// Computes ties[tile] = how many keys of each tile of 4,096 equal state.threshold, if some of them go (state.tied).
// Follows keys.wgsl. Workgroups have 256 threads, and each takes a tile of the window; tile = x + y·row.

struct Params {
  row: u32,   // A row of the grid has so many workgroups.
  count: u32, // The window has so many scores.
  tiles: u32,
  first: u32, // It counts the tiles of all windows together.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read_write> ties: array<u32>;

var<workgroup> equals: atomic<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile = group.x + group.y * p.row;
  if (atomicLoad(&state.tied) == 1u && tile < p.tiles) {
    let threshold = vec4<u32>(atomicLoad(&state.threshold));
    var sum = vec4<u32>(0u);
    for (var i = 0u; i < 4u; i++) {
      let v = 1024u * tile + 256u * i + lane;
      sum += present(v, p.count) * select(vec4<u32>(0u), vec4<u32>(1u), keys(v) == threshold);
    }
    atomicAdd(&equals, total(sum));
  }
  workgroupBarrier();
  if (lane == 0u && tile < p.tiles) { ties[p.first + tile] = atomicLoad(&equals); }
}
