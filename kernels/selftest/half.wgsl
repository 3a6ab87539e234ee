// Tests arithmetic and storage in f16: narrow[i] = f16(wide[i]), then wide[i] = f32(narrow[i] * 3 + 1/4), computed in
// f16.
//
// The bindings are wide ([size] f32) and narrow ([size] f16), both read_write. NARROW = 1 does the first step, 0 the
// second. The grid has one thread per element.
const NARROW: u32 = 1u;

struct Params { size: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> wide: array<f32>;
@group(0) @binding(2) var<storage, read_write> narrow: array<f16>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x;
  if (i >= p.size) { return; }
  if (NARROW == 1u) { narrow[i] = f16(wide[i]); }
  if (NARROW == 0u) { wide[i] = f32(narrow[i] * f16(3.0) + f16(0.25)); }
}
