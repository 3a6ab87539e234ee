// Puts rows in panels for listed_uniform.wgsl and listed_storage.wgsl: y[j/64, k, j%64] = x[j,k], where each panel has
// `width` columns of 64 rows; it is 0 beyond the edges. A thread moves four rows x four columns. With WIDE, rows of x
// are a multiple of 4 long and read as vec4. The bindings are x (read) and y (read_write). The grid's x has one thread
// per four rows of the panels, and y goes over fours of columns.
const WIDE: u32 = 1u;

struct Params { m: u32, k: u32, width: u32, fours: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

fn one(row: u32, k: u32) -> f32 {
  let i = row * p.k + min(k, p.k - 1u);
  return select(0.0, x[i >> 2u][i & 3u], k < p.k);
}

fn four(j: u32, k: u32) -> vec4<f32> {
  if (j >= p.m) { return vec4<f32>(); }
  if (WIDE == 0u) { return vec4<f32>(one(j, k), one(j, k + 1u), one(j, k + 2u), one(j, k + 3u)); }
  if (k >= p.k) { return vec4<f32>(); }
  return x[(j * p.k + k) >> 2u];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  if (gid.x >= p.fours) { return; }
  let j = gid.x * 4u;
  let k = gid.y * 4u;
  let v = transpose(mat4x4<f32>(four(j, k), four(j + 1u, k), four(j + 2u, k), four(j + 3u, k)));
  let at = (gid.x / 16u * p.width + k) * 16u + gid.x % 16u;
  y[at] = v[0];
  y[at + 16u] = v[1];
  y[at + 32u] = v[2];
  y[at + 48u] = v[3];
}
