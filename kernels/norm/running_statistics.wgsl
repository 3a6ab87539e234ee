// Computes statistics[c] = running_mean[c], and statistics[channels + c] = 1 / sqrt(running_variance[c] + epsilon):
// what batch_norm.wgsl reads in evaluation. Each channel has a thread. The grid is (ceil(channels / 64), 1, 1)
// workgroups of 64.

struct Params {
  channels: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> running_mean: array<f32>;
@group(0) @binding(2) var<storage, read> running_variance: array<f32>;
@group(0) @binding(3) var<storage, read_write> statistics: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let c = id.x;
  if (c >= p.channels) { return; }
  statistics[c] = running_mean[c];
  statistics[p.channels + c] = 1.0 / sqrt(running_variance[c] + p.epsilon);
}
