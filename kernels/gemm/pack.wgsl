// Packs a matrix of `rows` x k into blocks of 64 k x 256 rows, 64 KiB each, so that a block can be bound as a uniform
// array: packed[(r / 256 * blocks + c / 64) * 16384 + c % 64 * 256 + r % 256] = x[r*row_step + c*col_step].
// What a block holds beyond the matrix isn't written, and never read but beside outputs that aren't stored.
//
// Bindings: x read, packed read_write. Grid: one thread per element, rows of `row` threads; ROWS says that neighbours
// in memory are neighbours along the rows (row_step = 1) rather than along k.
const ROWS: u32 = 0u;

struct Params { rows: u32, k: u32, row_step: u32, col_step: u32, blocks: u32, row: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> packed: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.rows * p.k) { return; }
  var r = i / p.k;
  var c = i % p.k;
  if (ROWS == 1u) { r = i % p.rows; c = i / p.rows; }
  packed[(r / 256u * p.blocks + c / 64u) * 16384u + c % 64u * 256u + r % 256u] = x[r * p.row_step + c * p.col_step];
}
