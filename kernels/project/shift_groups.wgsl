// Sets to[i] ← (ADD ? to[i] : 0) + (from[i + shift] where 0 ≤ i + shift < source, else fallback), for i < n.
//
// Copies a stretch of a constraint's group vector to or from a member that numbers its groups from another start:
// members of one constraint need not begin at its group 0, and a batch norm over a concatenation reaches beyond it. The
// bindings are the source vector (read) and the destination (read_write), both f32. The grid has one thread per
// destination element.
struct Params { n: u32, row: u32, source: u32, shift: i32, fallback: f32 }

const ADD: bool = false;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> dest: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.n) { return; }
  let at = i32(i) + p.shift;
  var value = p.fallback;
  if (at >= 0 && at < i32(p.source)) { value = source[u32(at)]; }
  if (ADD) { value += dest[i]; }
  dest[i] = value;
}
