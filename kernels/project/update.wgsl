// Makes the Z- and U-step of tensors under a constraint each (docs/pipeline.md), whose groups are already chosen:
//
//   v = w + u                        0 where frozen = 0
//   z⁺ = v where keep[group] ≠ 0, else 0
//   u⁺ = u + w − z⁺                  0 where frozen = 0; not written with HOLD = 1 (the start: Z = Π(W), U = 0)
//   partials[partial + workgroup of the tensor] = Σ ((w − z⁺)², w², (z⁺ − z)², z⁺²)
//
// Workgroups have 64 threads, each of which strides over its tensor by fours. Follows groups.wgsl and jobs.wgsl. An input
// that a variant doesn't use may hold any read-only buffer.

const FROZEN: u32 = 0u;
const HOLD: u32 = 0u;

struct Job {
  groups: Groups,
  start: u32,
  workgroups: u32,
  count: u32, // The tensor has so many elements.
  w: u32,     // These say where the tensor begins in each buffer, in fours.
  u: u32,
  z: u32,
  keep: u32,
  frozen: u32,
  partial: u32,
}

@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> u: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> z: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> keep: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> frozen: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> jobs: array<Job>;
@group(0) @binding(7) var<storage, read_write> partials: array<vec4<f32>>;

var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let workgroup = group.x + group.y * p.row;
  if (workgroup >= p.workgroups) { return; }
  let job = jobs[job_of(workgroup)];
  let own = workgroup - job.start;
  keepFirst = job.keep;
  let zero = vec4<f32>(0.0);
  var sum = zero;
  for (var v = own * 64u + lane; 4u * v < job.count; v += 64u * job.workgroups) {
    let kept = keepOfFour(v, job.groups) != zero;
    let here = presentOfFour(v, job.count);
    let weight = w[job.w + v];
    let oldU = u[job.u + v];
    let oldZ = z[job.z + v];
    var x = weight + oldU;
    var dual = select(x, zero, kept);
    if (FROZEN == 1u) {
      let alive = frozen[job.frozen + v] != zero;
      x = select(zero, x, alive);
      dual = select(zero, dual, alive);
    }
    let next = select(zero, x, kept);
    let gap = select(zero, weight - next, here);
    let size = select(zero, weight, here);
    let change = select(zero, next - oldZ, here);
    let goal = select(zero, next, here);
    sum += vec4<f32>(dot(gap, gap), dot(size, size), dot(change, change), dot(goal, goal));
    z[job.z + v] = select(oldZ, next, here);
    if (HOLD == 0u) { u[job.u + v] = select(oldU, dual, here); }
  }
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) { partials[job.partial + own] = sums[0]; }
}
