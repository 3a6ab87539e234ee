// Sets mask[i] = 1 where the key is greater than the threshold, or equal to it and i below state.limit, else 0; counts
// scores that are NaN or infinite. Follows keys.wgsl. Workgroups have 256 threads with four fours each; thread t = x +
// y·row.

struct Params {
  row: u32,     // A row of the grid has so many threads.
  count: u32,   // The window has so many scores.
  threads: u32,
  first: u32,   // The window's first score has this index.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read_write> mask: array<vec4<f32>>;

var<workgroup> bad: atomic<u32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let t = id.x + id.y * p.row;
  let threshold = vec4<u32>(atomicLoad(&state.threshold));
  let limit = atomicLoad(&state.limit);
  let end = (p.count + 3u) / 4u;
  var wrong = vec4<u32>(0u);
  if (t < p.threads) {
    for (var v = t; v < end; v += p.threads) {
      let key = keys(v);
      let i = vec4<u32>(p.first + 4u * v) + vec4<u32>(0u, 1u, 2u, 3u);
      let kept = (key > threshold) | ((key == threshold) & (i < vec4<u32>(limit)));
      let bits = select(vec4<f32>(0.0), vec4<f32>(1.0), kept);
      if (4u * v + 4u <= p.count) {
        mask[v] = bits;
        wrong += notFinite(key);
      } else {
        // What follows the scores in the same buffer is somebody else's.
        let here = present(v, p.count);
        mask[v] = select(mask[v], bits, here == vec4<u32>(1u));
        wrong += here * notFinite(key);
      }
    }
    if (total(wrong) > 0u) { atomicAdd(&bad, total(wrong)); }
  }
  workgroupBarrier();
  if (lane == 0u && atomicLoad(&bad) > 0u) { atomicAdd(&state.bad, atomicLoad(&bad)); }
}
