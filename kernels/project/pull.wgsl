// Makes one constraint's term of the pull's target T = Σ ρ_c(Z_c − U_c) / Σ ρ_c: t (+)= share · (z − u), share = ρ_c /
// Σ ρ. A workgroup has 64 threads, e = x + y·row.

struct Params {
  row: u32,        // A row of the grid has so many threads.
  count: u32,      // There are so many elements.
  accumulate: u32, // It is 0 for the first constraint, which drops t's old contents.
  share: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> u: array<f32>;
@group(0) @binding(3) var<storage, read_write> t: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let e = id.x + id.y * p.row;
  if (e >= p.count) { return; }
  t[e] = select(0.0, t[e], p.accumulate == 1u) + p.share * (z[e] - u[e]);
}
