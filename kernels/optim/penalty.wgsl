// Adds the gradient of a penalty on some of the weights, over a window of an arena:
//
//   g ← g + strength · p · sign(w)    KIND = 0, of strength · Σ p·|w|; nothing at w = 0
//   g ← g + strength · p · w          KIND = 1, of ½ · strength · Σ p·w²
//
// p says for each element how much of the penalty it bears, 0 for none. A workgroup has 64 threads with 4 elements each;
// thread i = x + y·row.

const KIND: u32 = 0u;

struct Params {
  row: u32,   // A row of the grid has so many threads.
  count: u32, // The window has so many vec4s.
  strength: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bears: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x + id.y * p.row;
  if (i >= p.count) { return; }
  var slope = weights[i];
  if (KIND == 0u) { slope = sign(slope); }
  gradient[i] += p.strength * bears[i] * slope;
}
