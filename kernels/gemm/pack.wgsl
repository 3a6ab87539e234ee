// Packs 64 KiB of a matrix of rows x k into blocks of 64 k x 256 rows, 64 KiB each, so that a block can be bound as a
// uniform array: packed[(r / 256 * blocks + c / 64) * 16384 + c % 64 * 256 + r % 256] = element (r,c).
// What a block holds beyond the matrix isn't written, and never read but beside outputs that aren't stored.
//
// x is the matrix from element `start` on, read through a uniform binding, which software adapters read several times
// faster than storage. `inner` elements lie in a row in memory: they are neighbours along k, or with ROWS along the
// rows; there are at least 4.
//
// The bindings are x (uniform) and packed (read_write). The grid has one thread per 4 elements of the window from its
// vec4 `skip` on; elements from `end` on are no part of the matrix.
const ROWS: u32 = 0u;

struct Params { inner: u32, blocks: u32, start: u32, skip: u32, end: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<uniform> x: array<vec4<f32>, 4096>;
@group(0) @binding(2) var<storage, read_write> packed: array<f32>;

fn put(i: u32, inner: u32, outer: u32, v: f32) {
  if (i >= p.end) { return; }
  // Lines are longer than four.
  let next = inner >= p.inner;
  var c = select(inner, inner - p.inner, next);
  var r = select(outer, outer + 1u, next);
  if (ROWS == 1u) {
    let row = c;
    c = r;
    r = row;
  }
  packed[(r / 256u * p.blocks + c / 64u) * 16384u + c % 64u * 256u + r % 256u] = v;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let four = p.skip + gid.x;
  if (four >= 4096u) { return; }
  let i = p.start + 4u * four;
  let v = x[four];
  let outer = i / p.inner;
  let inner = i - outer * p.inner;
  put(i, inner, outer, v.x);
  put(i + 1u, inner + 1u, outer, v.y);
  put(i + 2u, inner + 2u, outer, v.z);
  put(i + 3u, inner + 3u, outer, v.w);
}
