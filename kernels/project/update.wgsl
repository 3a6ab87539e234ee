// Makes the Z- and U-step of one tensor under one constraint (docs/pipeline.md), whose groups are already chosen:
//
//   v = w + u                        0 where frozen = 0
//   z⁺ = v where keep[group] ≠ 0, else 0
//   u⁺ = u + w − z⁺                  0 where frozen = 0; not written with HOLD = 1 (the start: Z = Π(W), U = 0)
//   partials[workgroup] = Σ ((w − z⁺)², w², (z⁺ − z)², z⁺²)
//
// The grid has `workgroups` workgroups of 64 threads in x, each thread striding over the tensor by fours. Follows
// groups.wgsl. An input that a variant doesn't use may hold any read-only buffer.

const FROZEN: u32 = 0u;
const HOLD: u32 = 0u;

struct Params {
  groups: Groups,
  count: u32,  // There are so many elements.
  stride: u32, // The whole grid has so many threads.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> u: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> z: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> keep: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> frozen: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> partials: array<vec4<f32>>;

var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let zero = vec4<f32>(0.0);
  var sum = zero;
  for (var v = group.x * 64u + lane; 4u * v < p.count; v += p.stride) {
    let kept = keepOfFour(v, p.groups) != zero;
    let here = presentOfFour(v, p.count);
    let weight = w[v];
    let oldU = u[v];
    let oldZ = z[v];
    var x = weight + oldU;
    var dual = select(x, zero, kept);
    if (FROZEN == 1u) {
      let alive = frozen[v] != zero;
      x = select(zero, x, alive);
      dual = select(zero, dual, alive);
    }
    let next = select(zero, x, kept);
    let gap = select(zero, weight - next, here);
    let size = select(zero, weight, here);
    let change = select(zero, next - oldZ, here);
    let goal = select(zero, next, here);
    sum += vec4<f32>(dot(gap, gap), dot(size, size), dot(change, change), dot(goal, goal));
    z[v] = select(oldZ, next, here);
    if (HOLD == 0u) { u[v] = select(oldU, dual, here); }
  }
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) { partials[group.x] = sums[0]; }
}
