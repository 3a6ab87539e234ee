// One pass of the radix select over a long score vector: adds to state.bins how often each value of the 8 bits at `shift`
// occurs among the keys whose known bits equal state.threshold. Counts NaN and infinity in the first pass.
// Follows order.wgsl. Grid: workgroups of 256, each over a tile of 4,096 scores; tile = x + y·row.

struct Params {
  row: u32,   // workgroups per grid row
  first: u32, // of the scores
  count: u32,
  shift: u32,
  known: u32, // mask of the bits already decided
}

struct State {
  threshold: u32,
  wanted: u32,
  bad: atomic<u32>,
  unused: u32,
  bins: array<atomic<u32>, 256>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: State;

var<workgroup> bins: array<atomic<u32>, 256>;
var<workgroup> bad: atomic<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let tile = (group.x + group.y * p.row) * 4096u;
  let end = min(p.count, tile + 4096u);
  let prefix = state.threshold;
  for (var i = tile + lane; i < end; i += 256u) {
    let score = scores[p.first + i];
    let key = orderKey(score);
    if ((key & p.known) == prefix) { atomicAdd(&bins[(key >> p.shift) & 255u], 1u); }
    if (p.known == 0u && !isFinite(score)) { atomicAdd(&bad, 1u); }
  }
  workgroupBarrier();
  let here = atomicLoad(&bins[lane]);
  if (here > 0u) { atomicAdd(&state.bins[lane], here); }
  if (lane == 0u && atomicLoad(&bad) > 0u) { atomicAdd(&state.bad, atomicLoad(&bad)); }
}
