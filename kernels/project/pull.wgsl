// Makes one constraint's term of the pull's target T = Σ ρ_c(Z_c − U_c) / Σ ρ_c of tensors: t (+)= share · (z − u), share =
// ρ_c / Σ ρ. A workgroup has 64 threads with an element each. Follows jobs.wgsl.

struct Job {
  start: u32,
  count: u32,      // The tensor has so many elements.
  z: u32,          // These say where it begins in each buffer, in elements.
  u: u32,
  t: u32,
  accumulate: u32, // It is 0 for the first constraint, which drops t's old contents.
  share: f32,
}

@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> u: array<f32>;
@group(0) @binding(3) var<storage, read> jobs: array<Job>;
@group(0) @binding(4) var<storage, read_write> t: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let workgroup = group.x + group.y * p.row;
  if (workgroup >= p.workgroups) { return; }
  let job = jobs[job_of(workgroup)];
  let e = (workgroup - job.start) * 64u + lane;
  if (e >= job.count) { return; }
  let old = select(0.0, t[job.t + e], job.accumulate == 1u);
  t[job.t + e] = old + job.share * (z[job.z + e] - u[job.u + e]);
}
