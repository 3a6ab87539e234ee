// Counts the keys above state.high and those in low … high, and keeps the latter: thread t appends them to its own
// column of slots, slots[j·threads + t], found[t] of them. No order among candidates matters, for they are only counted
// again. Thread t takes the fours t, t + threads, …, 64 of them: neighbours read neighbours, and no thread has a run of
// like weights. Follows keys.wgsl. Workgroups have 256 threads; t = x + y·row.

const SLOTS: u32 = 48u;
const FOURS: u32 = 64u;

struct Params {
  row: u32,     // A row of the grid has so many threads.
  count: u32,   // The window has so many scores.
  threads: u32,
  first: u32,   // The window's part of found begins here, over all windows; slots begin at SLOTS · first.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read_write> slots: array<u32>;
@group(0) @binding(6) var<storage, read_write> found: array<u32>;

var<workgroup> above: atomic<u32>;
var<workgroup> inside: atomic<u32>;
var<workgroup> spilled: atomic<u32>;

fn one(b: vec4<bool>) -> vec4<u32> {
  return select(vec4<u32>(0u), vec4<u32>(1u), b);
}

fn bits(b: vec4<u32>) -> u32 {
  return b.x | (b.y << 1u) | (b.z << 2u) | (b.w << 3u);
}

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
    for (var v = t; v < end; v += 4u * p.threads) {
      let k0 = keys(v);
      let k1 = keys(v + p.threads);
      let k2 = keys(v + 2u * p.threads);
      let k3 = keys(v + 3u * p.threads);
      let p0 = present(v, p.count);
      let p1 = present(v + p.threads, p.count);
      let p2 = present(v + 2u * p.threads, p.count);
      let p3 = present(v + 3u * p.threads, p.count);
      more += p0 * one(k0 > high) + p1 * one(k1 > high) + p2 * one(k2 > high) + p3 * one(k3 > high);
      let c0 = p0 * one((k0 >= low) & (k0 <= high));
      let c1 = p1 * one((k1 >= low) & (k1 <= high));
      let c2 = p2 * one((k2 >= low) & (k2 <= high));
      let c3 = p3 * one((k3 >= low) & (k3 <= high));
      var left = bits(c0) | (bits(c1) << 4u) | (bits(c2) << 8u) | (bits(c3) << 12u);
      // These are few of the sixteen: a store for each would cost more, taken or not.
      while (left != 0u) {
        let b = firstTrailingBit(left);
        let key = keys(v + (b >> 2u) * p.threads);
        slots[start + min(n, SLOTS - 1u) * p.threads] = key[b & 3u];
        n += 1u;
        left &= left - 1u;
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
