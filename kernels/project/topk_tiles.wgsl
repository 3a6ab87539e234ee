// The last steps of a long selection, per tile of 4,096 scores:
//   MARK = 0   ties[tile] = how many keys equal state.threshold
//   MARK = 1   mask[i] = 1 where the key is greater, or equal and among the first state.wanted equals; ties[tile] now
//              holds the number of equals in the tiles before
// Follows order.wgsl. Grid: workgroups of 256, 16 neighbouring scores per thread; tile = x + y·row.

const MARK: u32 = 0u;

struct Params {
  row: u32,   // workgroups per grid row
  first: u32, // of the scores and of the mask
  count: u32,
  tiles: u32,
}

struct State {
  threshold: u32,
  wanted: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> state: State;
@group(0) @binding(3) var<storage, read_write> ties: array<u32>;
@group(0) @binding(4) var<storage, read_write> mask: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile = group.x + group.y * p.row;
  let start = min(p.count, tile * 4096u + lane * 16u);
  let end = min(p.count, start + 16u);
  var equals = 0u;
  for (var i = start; i < end; i++) { equals += u32(orderKey(scores[p.first + i]) == state.threshold); }
  let before = sumBefore(lane, equals);
  if (tile >= p.tiles) { return; }
  if (MARK == 0u) {
    if (lane == 255u) { ties[tile] = before + equals; }
    return;
  }
  var rank = ties[tile] + before;
  for (var i = start; i < end; i++) {
    let key = orderKey(scores[p.first + i]);
    let equal = key == state.threshold;
    mask[p.first + i] = f32(key > state.threshold || (equal && rank < state.wanted));
    rank += u32(equal);
  }
}
