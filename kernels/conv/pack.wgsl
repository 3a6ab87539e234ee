// Weights for the convolutions: y[g,k,f] = w[g*per_group + f*per_filter + source[k]] for f < filters, else 0;
// also 0 where source[k] = 0xffffffff. y is [groups, taps, packed]; packed = filters rounded up to 4 (to 1 for single.wgsl).
// Bindings: w, source read, y read_write.
// Grid: one thread per element of y, rows of `row` threads.
struct Params { size: u32, row: u32, taps: u32, filters: u32, packed: u32, per_group: u32, per_filter: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> source: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.size) { return; }
  let f = i % p.packed;
  let k = source[i / p.packed % p.taps];
  let g = i / (p.packed * p.taps);
  var v = 0.0;
  if (f < p.filters && k != 0xffffffffu) { v = w[g * p.per_group + f * p.per_filter + k]; }
  y[i] = v;
}
