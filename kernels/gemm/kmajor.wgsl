// Computes packed[k][4*fours] = a matrix of rows x k, k-major in fours of rows; what lies beyond the last row is
// undefined.
//
// FROM says how the matrix lies in memory:
//   0  [rows][k], k a multiple of 4      1  [rows][k]      2  [k][rows]
// The bindings are x (read) and packed (read_write). The grid's x goes over fours of rows; y and z, with `lines`
// threads of y in each z, go over the k of FROM 2 (a thread packs one vec4), or over their fours (a thread packs 4 x
// 4).
const FROM: u32 = 0u;

struct Params { rows: u32, k: u32, fours: u32, lines: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> packed: array<vec4<f32>>;

// Gives elements i to i + 3, from the two fours that hold them.
fn four_at(i: u32) -> vec4<f32> {
  let u = x[i >> 2u];
  let v = x[min((i >> 2u) + 1u, arrayLength(&x) - 1u)];
  let shift = i & 3u;
  let odd = select(u, vec4<f32>(u.yzw, v.x), vec4<bool>((shift & 1u) == 1u));
  let next = select(v.xy, v.yz, vec2<bool>((shift & 1u) == 1u));
  return select(odd, vec4<f32>(odd.zw, next), vec4<bool>(shift >= 2u));
}

// Reads four neighbours along k of one row.
fn along_k(row: u32, k: u32) -> vec4<f32> {
  let i = min(row, p.rows - 1u) * p.k + k;
  if (FROM == 0u) { return x[i >> 2u]; }
  return four_at(i);
}

fn put(k: u32, four: u32, v: vec4<f32>) {
  if (k < p.k) { packed[k * p.fours + four] = v; }
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let four = gid.x;
  let step = gid.y + gid.z * p.lines;
  if (four >= p.fours) { return; }
  let row = 4u * four;
  if (FROM == 2u) {
    put(step, four, four_at(step * p.rows + row));
    return;
  }
  let k = 4u * step;
  let t = transpose(mat4x4<f32>(along_k(row, k), along_k(row + 1u, k), along_k(row + 2u, k), along_k(row + 3u, k)));
  put(k, four, t[0]);
  put(k + 1u, four, t[1]);
  put(k + 2u, four, t[2]);
  put(k + 3u, four, t[3]);
}
