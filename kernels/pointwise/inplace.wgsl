// y[i] ← beta·y[i] + alpha·x[i].  All f32, contiguous, `n` elements.
// Bindings: x read, y read_write.  Grid: one thread per element, rows of `row` threads.
// beta = 0 ignores what y held (also NaN).
struct Params { n: u32, row: u32, alpha: f32, beta: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  var kept = 0.0;
  if (p.beta != 0.0) { kept = p.beta * y[i]; }
  y[i] = kept + p.alpha * x[i];
}
