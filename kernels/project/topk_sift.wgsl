// Counts the keys above state.high and those in low … high, and keeps the latter: thread t appends them to its own column of
// slots, slots[j·threads + t], found[t] of them. No order among candidates matters, for they are only counted again.
// Thread t takes the fours t, t + threads, …, 64 of them: neighbours read neighbours, and no thread has a run of like weights.
// Follows keys.wgsl. Grid: workgroups of 256; t = x + y·row.

const SLOTS: u32 = 48u;
const FOURS: u32 = 64u;

struct Params {
  row: u32,     // threads per grid row
  count: u32,   // scores of the window
  threads: u32,
  first: u32,   // of found, in all windows together; slots begin at SLOTS · first
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read_write> slots: array<u32>;
@group(0) @binding(6) var<storage, read_write> found: array<u32>;

var<workgroup> above: atomic<u32>;
var<workgroup> inside: atomic<u32>;
var<workgroup> spilled: atomic<u32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let t = id.x + id.y * p.row;
  let low = vec4<u32>(atomicLoad(&state.low));
  let high = vec4<u32>(atomicLoad(&state.high));
  let start = SLOTS * p.first + t;
  var more = vec4<u32>(0u);
  var n = 0u;
  if (t < p.threads) {
    let end = (p.count + 3u) / 4u;
    for (var v = t; v < end; v += p.threads) {
      let key = keys(v);
      let here = present(v, p.count);
      more += here * select(vec4<u32>(0u), vec4<u32>(1u), key > high);
      let candidate = (key >= low) & (key <= high) & (here == vec4<u32>(1u));
      if (candidate.x) {
        slots[start + min(n, SLOTS - 1u) * p.threads] = key.x;
        n += 1u;
      }
      if (candidate.y) {
        slots[start + min(n, SLOTS - 1u) * p.threads] = key.y;
        n += 1u;
      }
      if (candidate.z) {
        slots[start + min(n, SLOTS - 1u) * p.threads] = key.z;
        n += 1u;
      }
      if (candidate.w) {
        slots[start + min(n, SLOTS - 1u) * p.threads] = key.w;
        n += 1u;
      }
    }
    found[p.first + t] = min(n, SLOTS);
    atomicAdd(&above, total(more));
    atomicAdd(&inside, n);
    if (n > SLOTS) { atomicAdd(&spilled, 1u); }
  }
  workgroupBarrier();
  if (lane == 0u) {
    atomicAdd(&state.above, atomicLoad(&above));
    atomicAdd(&state.inside, atomicLoad(&inside));
    atomicAdd(&state.spilled, atomicLoad(&spilled));
  }
}
