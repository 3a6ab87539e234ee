// Computes scores[s·columns + q] (+)= scale · Σ v_e² over the s-th share of the rows of column q, where v = w (+ u),
// and 0 where frozen = 0. It is for matrices whose rows are whole fours: a thread takes four neighbouring columns down
// a share of the rows. With more than one share, and where channels are wanted, the results are partial sums, which
// norms_thread.wgsl adds up.
// A workgroup has 64 threads; thread t = x + y·row takes the four of columns t mod fours. An input that a variant
// doesn't use may hold any buffer.

const DUAL: u32 = 0u;
const FROZEN: u32 = 0u;

struct Params {
  row: u32,        // A row of the grid has so many threads.
  count: u32,      // It is fours · splits.
  rows: u32,
  share: u32,      // A share has so many rows.
  fours: u32,      // A row has so many fours.
  accumulate: u32, // It is 1 to add to the scores.
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> u: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> frozen: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> scores: array<vec4<f32>>;

fn squares(v: u32) -> vec4<f32> {
  var x = w[v];
  if (DUAL == 1u) { x += u[v]; }
  if (FROZEN == 1u) { x = select(x, vec4<f32>(0.0), frozen[v] == vec4<f32>(0.0)); }
  return x * x;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let t = id.x + id.y * p.row;
  if (t >= p.count) { return; }
  let part = t / p.fours;
  let q = t - part * p.fours;
  let end = min(p.rows, (part + 1u) * p.share) * p.fours;
  var sum = vec4<f32>(0.0);
  var v = part * p.share * p.fours + q;
  for (; v + 3u * p.fours < end; v += 4u * p.fours) {
    sum += squares(v);
    sum += squares(v + p.fours);
    sum += squares(v + 2u * p.fours);
    sum += squares(v + 3u * p.fours);
  }
  for (; v < end; v += p.fours) { sum += squares(v); }
  scores[t] = select(vec4<f32>(0.0), scores[t], p.accumulate == 1u) + p.scale * sum;
}
