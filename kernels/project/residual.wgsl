// Computes residuals[slot] = Σ partials: the last stage of update.wgsl's sums, in fixed order.
// The grid has one workgroup of 64.

struct Params {
  count: u32, // There are so many partials.
  slot: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> residuals: array<vec4<f32>>;

var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = vec4<f32>(0.0);
  for (var i = lane; i < p.count; i += 64u) { sum += partials[i]; }
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) { residuals[p.slot] = sums[0]; }
}
