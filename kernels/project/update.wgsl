// The Z- and U-step of one tensor under one constraint (docs/pipeline.md), its groups already chosen:
//
//   v = w + u                        0 where frozen = 0
//   z⁺ = v where keep[group] ≠ 0, else 0
//   u⁺ = u + w − z⁺                  0 where frozen = 0; not written with HOLD = 1 (the start: Z = Π(W), U = 0)
//   partials[workgroup] = Σ ((w − z⁺)², w², (z⁺ − z)², z⁺²)
//
// Grid: `workgroups` workgroups of 64 threads in x, each thread striding over the tensor. Follows groups.wgsl.
// An input that a variant doesn't use may hold any read-only buffer.

const FROZEN: u32 = 0u;
const HOLD: u32 = 0u;

struct Params {
  count: u32,  // elements
  stride: u32, // threads of the whole grid
  C: u32,
  KK: u32,
  gf: u32,
  gc: u32,
  gk: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> u: array<f32>;
@group(0) @binding(3) var<storage, read_write> z: array<f32>;
@group(0) @binding(4) var<storage, read> keep: array<f32>;
@group(0) @binding(5) var<storage, read> frozen: array<f32>;
@group(0) @binding(6) var<storage, read_write> partials: array<vec4<f32>>;

var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  var sum = vec4<f32>(0.0);
  for (var e = group.x * 64u + lane; e < p.count; e += p.stride) {
    let kept = keep[groupOf(e, vec2<u32>(p.C, p.KK), vec3<u32>(p.gf, p.gc, p.gk))] != 0.0;
    let weight = w[e];
    var v = weight + u[e];
    var dual = select(v, 0.0, kept);
    if (FROZEN == 1u && frozen[e] == 0.0) {
      v = 0.0;
      dual = 0.0;
    }
    let next = select(0.0, v, kept);
    let terms = vec4<f32>(weight - next, weight, next - z[e], next);
    sum += terms * terms;
    z[e] = next;
    if (HOLD == 0u) { u[e] = dual; }
  }
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) { partials[group.x] = sums[0]; }
}
