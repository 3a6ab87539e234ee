// Computes dbeta[c] = sum over s of partials[s, c].x, and dgamma[c] = sum over s of partials[s, c].y.
//
// partials are [slices, channels] from layer_norm_sums.wgsl or batch_norm_sums.wgsl. Each channel has a thread. The grid is (ceil(channels /
// 64), 1, 1) workgroups of 64.

struct Params {
  channels: u32,
  slices: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partials: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(3) var<storage, read_write> dbeta: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let c = id.x;
  if (c >= p.channels) { return; }
  var sum = vec2<f32>(0.0);
  for (var s = 0u; s < p.slices; s++) { sum += partials[s * p.channels + c]; }
  dbeta[c] = sum.x;
  dgamma[c] = sum.y;
}
