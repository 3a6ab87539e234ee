// Finds for each 3×3 kernel the pattern that keeps the most of it: scores[q] = max_p Σ_{k ∈ p} v_k², and taps[q] = the
// bits of that pattern, the first of equals; v = w (+ u), and 0 where frozen = 0. Bit k of a pattern is tap k = 3·kh +
// kw.
// A workgroup has 64 threads, one per kernel; kernel q = x + y·row. An input that a variant doesn't use may hold any
// read-only buffer.

const DUAL: u32 = 0u;
const FROZEN: u32 = 0u;

struct Params {
  row: u32,   // A row of the grid has so many threads.
  count: u32, // There are so many kernels.
  patterns: u32,
  unused: u32,
  library: array<vec4<u32>, 14>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> u: array<f32>;
@group(0) @binding(3) var<storage, read> frozen: array<f32>;
@group(0) @binding(4) var<storage, read_write> scores: array<f32>;
@group(0) @binding(5) var<storage, read_write> taps: array<u32>;

fn square(e: u32) -> f32 {
  var v = w[e];
  if (DUAL == 1u) { v += u[e]; }
  if (FROZEN == 1u && frozen[e] == 0.0) { v = 0.0; }
  return v * v;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let q = id.x + id.y * p.row;
  if (q >= p.count) { return; }
  let e = 9u * q;
  let low = vec4<f32>(square(e), square(e + 1u), square(e + 2u), square(e + 3u));
  let middle = vec4<f32>(square(e + 4u), square(e + 5u), square(e + 6u), square(e + 7u));
  let last = square(e + 8u);
  let shifts = vec4<u32>(0u, 1u, 2u, 3u);
  let one = vec4<u32>(1u);
  var best = 0.0;
  var chosen = 0u;
  for (var i = 0u; i < p.patterns; i++) {
    let bits = p.library[i / 4u][i % 4u];
    let sum = dot(low, vec4<f32>((vec4<u32>(bits) >> shifts) & one)) +
      dot(middle, vec4<f32>((vec4<u32>(bits >> 4u) >> shifts) & one)) +
      last * f32((bits >> 8u) & 1u);
    // What is NaN stays the first pattern's, so that the score shows it.
    if (i == 0u || sum > best) {
      best = sum;
      chosen = bits;
    }
  }
  scores[q] = best;
  taps[q] = chosen;
}
