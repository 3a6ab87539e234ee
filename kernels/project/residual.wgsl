// Computes residuals[slot] = Σ partials of each tensor: the last stage of update.wgsl's sums, in fixed order.
// The grid has a workgroup of 64 threads for each tensor in x, which has a row of the table.

struct Tensor {
  first: u32, // Its partials begin here.
  count: u32, // It has so many.
  slot: u32,
}

@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> tensors: array<Tensor>;
@group(0) @binding(3) var<storage, read_write> residuals: array<vec4<f32>>;

var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let own = tensors[group.x];
  var sum = vec4<f32>(0.0);
  for (var i = lane; i < own.count; i += 64u) { sum += partials[own.first + i]; }
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) { residuals[own.slot] = sums[0]; }
}
