// Makes a step of SGD with momentum over a window of the parameter arena, fused with weight decay, the ADMM pull and
// the mask:
//
//   g ← g + weightDecay·w + rho·(w − pull)        pull = Σρ_c(Z_c − U_c) / Σρ_c
//   m ← momentum·m + g
//   w ← w − lr·lrScale·(g + momentum·m | m)       Nesterov | heavy ball, as torch.optim.SGD with dampening 0
//   w, m ← 0 exactly where mask = 0
//
// Layout: every arena has the same offsets; a segment (parameter) starts on a block of 64 elements, and segmentOf maps
// block → segment. segments[s] = (weightDecay, rho, lrScale, trainable 0|1).
// A workgroup has 64 threads with 4 elements each; thread i = x + y·row. A binding that a variant doesn't use may hold
// any read-only buffer.

const NESTEROV: u32 = 0u;
const PULL: u32 = 0u;
const MASK: u32 = 0u;

struct Params {
  row: u32,        // A row of the grid has so many threads.
  count: u32,      // The window has so many vec4s.
  firstBlock: u32, // The window starts at this block of 64 elements.
  lr: f32,
  momentum: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> momenta: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> pull: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> mask: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> segmentOf: array<u32>;
@group(0) @binding(7) var<storage, read> segments: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x + id.y * p.row;
  if (i >= p.count) { return; }
  let segment = segments[segmentOf[p.firstBlock + i / 16u]];
  if (segment.w == 0.0) { return; }

  var w = weights[i];
  var g = gradients[i] + segment.x * w;
  if (PULL == 1u) { g += segment.y * (w - pull[i]); }
  var m = p.momentum * momenta[i] + g;
  if (NESTEROV == 1u) { g += p.momentum * m; } else { g = m; }
  w -= (p.lr * segment.z) * g;
  if (MASK == 1u) {
    let kept = mask[i] != vec4<f32>(0.0);
    w = select(vec4<f32>(0.0), w, kept);
    m = select(vec4<f32>(0.0), m, kept);
  }
  weights[i] = w;
  momenta[i] = m;
}
