// Marks N:M: in each run of m weights of a row, mask is 1 for the n largest |v|, where ties go to the lower index, else
// 0. A row's last run is shorter where m doesn't divide it. It counts weights that are NaN or infinite. Unless FOURS is
// 0, m is 4: 1 says that rows are whole fours, 2 that they aren't, so that a run lies anywhere in two fours.
// Follows keys.wgsl. A workgroup has 256 threads, one per run; t = x + y·row.

const FOURS: u32 = 0u;

struct Params {
  row: u32,    // A row of the grid has so many threads.
  count: u32,  // There are so many runs.
  length: u32, // A row has so many weights.
  across: u32, // A row has so many runs.
  n: u32,
  m: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read_write> mask: array<vec4<f32>>;

var<workgroup> bad: atomic<u32>;

fn one(b: vec4<bool>) -> vec4<u32> {
  return select(vec4<u32>(0u), vec4<u32>(1u), b);
}

fn keyAt(e: u32) -> u32 {
  let four = keys(e / 4u);
  return four[e % 4u];
}

// Gives 1 for the n largest: it counts how many of the others rank before each.
fn largest(key: vec4<u32>) -> vec4<f32> {
  let rank = one(key.yxxx >= key) * vec4<u32>(0u, 1u, 1u, 1u) + one(key.yxxx > key) * vec4<u32>(1u, 0u, 0u, 0u) +
    one(key.zzyy >= key) * vec4<u32>(0u, 0u, 1u, 1u) + one(key.zzyy > key) * vec4<u32>(1u, 1u, 0u, 0u) +
    one(key.wwwz >= key) * vec4<u32>(0u, 0u, 0u, 1u) + one(key.wwwz > key) * vec4<u32>(1u, 1u, 1u, 0u);
  return select(vec4<f32>(0.0), vec4<f32>(1.0), rank < vec4<u32>(p.n));
}

fn fourFrom(e: u32) -> vec4<u32> {
  let a = keys(e / 4u);
  let b = keys(e / 4u + 1u);
  let odd = vec4<bool>((e & 1u) != 0u);
  return select(select(a, vec4<u32>(a.yzw, b.x), odd), select(vec4<u32>(a.zw, b.xy), vec4<u32>(a.w, b.xyz), odd),
    vec4<bool>((e & 2u) != 0u));
}

fn store(e: u32, kept: f32) {
  mask[e / 4u][e % 4u] = kept;
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let t = id.x + id.y * p.row;
  var wrong = 0u;
  if (t < p.count && FOURS == 1u) {
    let key = keys(t);
    mask[t] = largest(key);
    wrong = total(notFinite(key));
  }
  if (t < p.count && FOURS == 2u) {
    let row = t / p.across;
    let first = row * p.length;
    let begin = first + (t - row * p.across) * 4u;
    // What follows a short last run comes after all of it, as zeros of higher index do.
    let inside = vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(first + p.length - begin);
    let key = select(vec4<u32>(0u), fourFrom(begin), inside);
    let kept = largest(key);
    store(begin, kept.x);
    if (inside.y) { store(begin + 1u, kept.y); }
    if (inside.z) { store(begin + 2u, kept.z); }
    if (inside.w) { store(begin + 3u, kept.w); }
    wrong = total(notFinite(key));
  }
  if (t < p.count && FOURS == 0u) {
    let first = (t / p.across) * p.length;
    let begin = first + (t % p.across) * p.m;
    let end = min(first + p.length, begin + p.m);
    for (var e = begin; e < end; e++) {
      let key = keyAt(e);
      var rank = 0u;
      for (var other = begin; other < end; other++) {
        let theirs = keyAt(other);
        rank += u32(theirs > key || (theirs == key && other < e));
      }
      mask[e / 4u][e % 4u] = f32(rank < p.n);
      wrong += u32(key >= 0x7f800000u);
    }
  }
  if (wrong > 0u) { atomicAdd(&bad, wrong); }
  workgroupBarrier();
  if (lane == 0u && atomicLoad(&bad) > 0u) { atomicAdd(&state.bad, atomicLoad(&bad)); }
}
