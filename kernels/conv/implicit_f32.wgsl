// The numbers that implicit_core.wgsl multiplies are f32, and so are their sums.
alias Four = vec4<f32>;
alias Block = mat4x4<f32>;
alias Sums = Products;

// Adds the products of all BK of the tiles; a and b are the thread's places in a line of them.
fn multiply_tiles(s: Sums, a: u32, b: u32) -> Sums { return multiply_all(s, a, b); }

// So many rows of each thread's block find room in its slice's part of the tiles at once: all four, or two.
const AT_ONCE: u32 = select(2u, 4u, BK * ROW >= 4u * LANES);
const LINE: u32 = AT_ONCE * LANES / BK;

// Leaves rows `row` and the next of a thread's block in the tiles, for sum_of; a barrier must follow.
fn exchange_pair(c: vec4<f32>, d: vec4<f32>, row: u32, local: u32) {
  let place = local / LANES * ROW;
  let i = row * LANES + local % LANES;
  if (row == 0u) { workgroupBarrier(); }
  tiles[i / LINE][place + i % LINE] = c;
  tiles[(i + LANES) / LINE][place + (i + LANES) % LINE] = d;
}

// Adds up what the slices left there: row i / LANES of the block of thread i % LANES.
fn sum_of(i: u32) -> vec4<f32> {
  let line = i / LINE;
  let place = i % LINE;
  var sum = tiles[line][place];
  for (var slice = 1u; slice < SLICES; slice++) { sum += tiles[line][slice * ROW + place]; }
  return sum;
}
