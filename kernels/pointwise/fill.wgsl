// y[i] ← value.  f32, contiguous, `n` elements.  Grid: one thread per element, rows of `row` threads.
struct Params { n: u32, row: u32, value: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i < p.n) { y[i] = p.value; }
}
