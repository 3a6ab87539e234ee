// y[i] = a[i] op b[i % period], op by KIND: 0 add, 1 multiply.
// PERIODIC = 0: same shapes, b as long as a. PERIODIC = 1: b is one row of `period` items repeated (a [N, F], b [F]).
//
// a, y: `count` items of V; b: `period` items of V. A workgroup of 64 threads makes 256 neighbouring items.
// Grid: (row, ceil(count / 256 / row), 1) workgroups. V = f32 where the numbers of elements do not divide by 4.

alias V = vec4<f32>;
const KIND: u32 = 0u;
const PERIODIC: u32 = 0u;

struct Params {
  count: u32,
  row: u32,
  period: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<V>;
@group(0) @binding(2) var<storage, read> b: array<V>;
@group(0) @binding(3) var<storage, read_write> y: array<V>;

fn item(i: u32) {
  if (i >= p.count) { return; }
  var j = i;
  if (PERIODIC == 1u) { j = i % p.period; }
  if (KIND == 0u) { y[i] = a[i] + b[j]; } else { y[i] = a[i] * b[j]; }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 256u + local;
  item(i);
  item(i + 64u);
  item(i + 128u);
  item(i + 192u);
}
