// Selects the exact top-k of score vectors of up to a few thousand entries, with one workgroup of 256 each: mask[i] is
// 1 for exactly k entries, ranked by (score descending, index ascending), 0 for the others. Follows order.wgsl.
//
// Radix select: four passes over 8 bits of the order key find the k-th largest key and how many of its equals are kept;
// those are then numbered in order of index. status[slot] says how many scores are NaN or infinite.
// The grid's x counts the jobs. A job is (first element, length, k, status slot).

struct Params {
  jobs: array<vec4<u32>, 16>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read_write> mask: array<f32>;
@group(0) @binding(3) var<storage, read_write> status: array<f32>;

var<workgroup> bins: array<atomic<u32>, 256>;
var<workgroup> bad: atomic<u32>;
var<workgroup> threshold: u32; // It is the k-th largest key, as far as its bits are known.
var<workgroup> wanted: u32;    // So many are kept among the keys that share those bits.

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let job = p.jobs[group.x];
  let first = job.x;
  let count = job.y;
  if (lane == 0u) {
    threshold = 0u;
    wanted = job.z;
  }

  var known = 0u;
  for (var round = 0u; round < 4u; round++) {
    let shift = 24u - 8u * round;
    atomicStore(&bins[lane], 0u);
    workgroupBarrier();
    let prefix = threshold;
    let remaining = wanted;
    for (var i = lane; i < count; i += 256u) {
      let score = scores[first + i];
      let key = orderKey(score);
      if ((key & known) == prefix) { atomicAdd(&bins[(key >> shift) & 255u], 1u); }
      if (round == 0u && !isFinite(score)) { atomicAdd(&bad, 1u); }
    }
    workgroupBarrier();
    let here = atomicLoad(&bins[lane]);
    let above = sumFrom(lane, here);
    let chosen = select(above >= remaining && above - here < remaining, lane == 255u, remaining == 0u);
    if (chosen) {
      threshold = prefix | (lane << shift);
      wanted = remaining - (above - here) * u32(remaining > 0u);
    }
    known |= 255u << shift;
    workgroupBarrier();
  }

  let share = (count + 255u) / 256u;
  let start = min(count, lane * share);
  let end = min(count, start + share);
  var equals = 0u;
  for (var i = start; i < end; i++) { equals += u32(orderKey(scores[first + i]) == threshold); }
  var rank = sumBefore(lane, equals);
  for (var i = start; i < end; i++) {
    let key = orderKey(scores[first + i]);
    let equal = key == threshold;
    mask[first + i] = f32(key > threshold || (equal && rank < wanted));
    rank += u32(equal);
  }
  if (lane == 0u) { status[job.w] = f32(atomicLoad(&bad)); }
}
