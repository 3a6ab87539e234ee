// Computes scores[r·splits + s] (+)= scale · Σ v_e² over the s-th share of row r, where v = w (+ u), and 0 where frozen
// = 0.
// This is for filters, whose elements lie side by side: each share has a workgroup, with a fixed tree at its end. Where
// a share begins or ends inside a four, the first thread takes what belongs to it. With splits > 1 the shares are
// partial sums, which norms_thread.wgsl adds up. A workgroup has 64 threads and takes share x + y·row. An input that a
// variant doesn't use may hold any buffer.

const DUAL: u32 = 0u;
const FROZEN: u32 = 0u;

struct Params {
  row: u32,        // A row of the grid has so many workgroups.
  count: u32,      // It is rows · splits.
  splits: u32,
  share: u32,      // A share has so many elements.
  length: u32,     // A row has so many elements.
  accumulate: u32, // It is 1 to add to the scores.
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> u: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> frozen: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> scores: array<f32>;

var<workgroup> sums: array<f32, 64>;

fn squares(v: u32) -> vec4<f32> {
  var x = w[v];
  if (DUAL == 1u) { x += u[v]; }
  if (FROZEN == 1u) { x = select(x, vec4<f32>(0.0), frozen[v] == vec4<f32>(0.0)); }
  return x * x;
}

// Gives the squares of a four, but 0 outside of begin … end − 1.
fn part_of(v: u32, begin: u32, end: u32) -> vec4<f32> {
  let i = vec4<u32>(4u * v) + vec4<u32>(0u, 1u, 2u, 3u);
  return select(vec4<f32>(0.0), squares(v), (i >= vec4<u32>(begin)) & (i < vec4<u32>(end)));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let t = group.x + group.y * p.row;
  var sum = vec4<f32>(0.0);
  if (t < p.count) {
    let row = (t / p.splits) * p.length;
    let part = t % p.splits;
    let first = row + min(p.length, part * p.share);
    let last = row + min(p.length, (part + 1u) * p.share);
    let end = last / 4u;
    if (lane == 0u && first % 4u != 0u) { sum += part_of(first / 4u, first, last); }
    if (lane == 0u && last % 4u != 0u && 4u * end >= first) { sum += part_of(end, first, last); }
    var v = (first + 3u) / 4u + lane;
    for (; v + 192u < end; v += 256u) {
      sum += squares(v);
      sum += squares(v + 64u);
      sum += squares(v + 128u);
      sum += squares(v + 192u);
    }
    for (; v < end; v += 64u) { sum += squares(v); }
  }
  sums[lane] = sum.x + sum.y + sum.z + sum.w;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u && t < p.count) {
    scores[t] = select(0.0, scores[t], p.accumulate == 1u) + p.scale * sums[0];
  }
}
