// Packs weights for the convolutions: y[g,k,f] = w[g*per_group + f*per_filter + source[k]] for f < filters, else 0;
// it is also 0 where source[k] = 0xffffffff. y is [groups, taps, UNIT*packed], with filters rounded up to 4, or to 1
// for depthwise.wgsl. A thread makes UNIT filters: divisions cost more than loads.
// The bindings are w and source (read), and y (read_write).
// The grid has one thread per UNIT elements of y, in rows of `row` threads.
const UNIT: u32 = 4u;

struct Params { size: u32, row: u32, taps: u32, filters: u32, packed: u32, per_group: u32, per_filter: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> source: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.size) { return; }
  let line = i / p.packed;
  let f = (i - line * p.packed) * UNIT;
  let g = line / p.taps;
  let k = source[line - g * p.taps];
  let from_w = g * p.per_group + f * p.per_filter + k;
  for (var j = 0u; j < UNIT; j++) {
    var v = 0.0;
    if (f + j < p.filters && k != 0xffffffffu) { v = w[from_w + j * p.per_filter]; }
    y[i * UNIT + j] = v;
  }
}
