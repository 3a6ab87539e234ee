// Makes a step of Adam or AdamW over a window of the parameter arena, fused with weight decay, the ADMM pull and the
// mask:
//
//   g ← g + weightDecay·w               Adam (AdamW instead: w ← w − lr·lrScale·weightDecay·w, outside the moments)
//   g ← g + rho·(w − pull)              coupled in both; pull = Σρ_c(Z_c − U_c) / Σρ_c, w before its decay
//   m ← β1·m + (1 − β1)·g,  v ← β2·v + (1 − β2)·g²
//   w ← w − lr·lrScale · m/(1 − β1ᵗ) / (√v/√(1 − β2ᵗ) + ε)          as torch.optim.Adam; the corrections come from the host
//   w, m, v ← 0 exactly where mask = 0
//
// Layout and grid are as in sgd.wgsl. A binding that a variant doesn't use may hold any read-only buffer.

const DECOUPLED: u32 = 0u;
const PULL: u32 = 0u;
const MASK: u32 = 0u;

struct Params {
  row: u32,             // A row of the grid has so many threads.
  count: u32,           // The window has so many vec4s.
  firstBlock: u32,      // The window starts at this block of 64 elements.
  lr: f32,
  beta1: f32,
  rest1: f32,           // It is 1 − β1, rounded once.
  beta2: f32,
  rest2: f32,           // It is 1 − β2.
  correction1: f32,     // It is 1/(1 − β1ᵗ).
  correction2: f32,     // It is 1/√(1 − β2ᵗ).
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> first: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> second: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> pull: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> mask: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> segmentOf: array<u32>;
@group(0) @binding(8) var<storage, read> segments: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x + id.y * p.row;
  if (i >= p.count) { return; }
  let segment = segments[segmentOf[p.firstBlock + i / 16u]];
  if (segment.w == 0.0) { return; }

  let lr = p.lr * segment.z;
  var w = weights[i];
  var g = gradients[i];
  if (DECOUPLED == 0u) { g += segment.x * w; }
  if (PULL == 1u) { g += segment.y * (w - pull[i]); }
  if (DECOUPLED == 1u) { w -= (lr * segment.x) * w; }
  var m = p.beta1 * first[i] + p.rest1 * g;
  var v = p.beta2 * second[i] + p.rest2 * (g * g);
  w -= (lr * p.correction1) * m / (sqrt(v) * p.correction2 + p.epsilon);
  if (MASK == 1u) {
    let kept = mask[i] != vec4<f32>(0.0);
    w = select(vec4<f32>(0.0), w, kept);
    m = select(vec4<f32>(0.0), m, kept);
    v = select(vec4<f32>(0.0), v, kept);
  }
  weights[i] = w;
  first[i] = m;
  second[i] = v;
}
