// ties[t] ← Σ of ties before t, and status[slot] ← how many scores were NaN or infinite. Follows order.wgsl.
// Grid: one workgroup of 256, a share of neighbouring tiles per thread.

struct Params {
  tiles: u32,
  slot: u32,
}

struct State {
  threshold: u32,
  wanted: u32,
  bad: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> state: State;
@group(0) @binding(2) var<storage, read_write> ties: array<u32>;
@group(0) @binding(3) var<storage, read_write> status: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  let share = (p.tiles + 255u) / 256u;
  let start = min(p.tiles, lane * share);
  let end = min(p.tiles, start + share);
  var total = 0u;
  for (var i = start; i < end; i++) { total += ties[i]; }
  var sum = sumBefore(lane, total);
  for (var i = start; i < end; i++) {
    let here = ties[i];
    ties[i] = sum;
    sum += here;
  }
  if (lane == 0u) { status[p.slot] = f32(state.bad); }
}
