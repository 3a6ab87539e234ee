// Packs weights of listed taps for listed_uniform.wgsl, listed_storage.wgsl and kernel_list_uniform.wgsl:
// y[s*filters + f] = value[source[2*s] + f/4*per_four + f%4*per_filter] for
// f < source[2*s+1], and 0 for the others. Slot s is the place of a tap; `filters` are those of a line.
// The bindings are value and source (read), and y (read_write). The grid has one thread per element, with rows of `row`
// threads folded into y.
struct Params { size: u32, row: u32, filters: u32, per_filter: u32, per_four: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> value: array<f32>;
@group(0) @binding(2) var<storage, read> source: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let e = gid.x + gid.y * p.row;
  if (e >= p.size) { return; }
  let s = e / p.filters * 2u;
  let f = e % p.filters;
  var v = 0.0;
  if (f < source[s + 1u]) { v = value[source[s] + f / 4u * p.per_four + f % 4u * p.per_filter]; }
  y[e] = v;
}
