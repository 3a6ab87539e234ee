// The numbers that implicit_core.wgsl multiplies are f16. Products of BK of the summed index are added up in f16, two at a
// time where the device can, and all of those in f32, which keeps the error of f16 to that of eight terms.
alias Four = vec4<f16>;
alias Block = mat4x4<f16>;

struct Sums {
  c00: mat4x4<f32>, c01: mat4x4<f32>, c02: mat4x4<f32>, c03: mat4x4<f32>,
  c10: mat4x4<f32>, c11: mat4x4<f32>, c12: mat4x4<f32>, c13: mat4x4<f32>,
}

fn widened(c: mat4x4<f32>, p: Block) -> mat4x4<f32> {
  return mat4x4<f32>(
    c[0] + vec4<f32>(p[0]), c[1] + vec4<f32>(p[1]), c[2] + vec4<f32>(p[2]), c[3] + vec4<f32>(p[3]));
}

// Adds the products of all BK of the tiles; a and b are the thread's places in a line of them.
fn multiply_tiles(s: Sums, a: u32, b: u32) -> Sums {
  let p = multiply_all(Products(), a, b);
  var r = s;
  r.c00 = widened(s.c00, p.c00);
  if (NB > 1u) { r.c01 = widened(s.c01, p.c01); }
  if (NB > 2u) {
    r.c02 = widened(s.c02, p.c02);
    r.c03 = widened(s.c03, p.c03);
  }
  if (MB > 1u) {
    r.c10 = widened(s.c10, p.c10);
    if (NB > 1u) { r.c11 = widened(s.c11, p.c11); }
    if (NB > 2u) {
      r.c12 = widened(s.c12, p.c12);
      r.c13 = widened(s.c13, p.c13);
    }
  }
  return r;
}

// Tiles of f16 have no room for sums, of which two rows of each thread's block are exchanged at once.
const AT_ONCE: u32 = 2u;
var<workgroup> exchanged: array<array<vec4<f32>, 2u * LANES>, SLICES>;

// Leaves two rows of a thread's block for sum_of; a barrier must follow.
fn exchange_pair(c: vec4<f32>, d: vec4<f32>, row: u32, local: u32) {
  let lane = row * LANES + local % LANES;
  workgroupBarrier();
  exchanged[local / LANES][lane] = c;
  exchanged[local / LANES][lane + LANES] = d;
}

// Adds up what the slices left there: row i / LANES of the block of thread i % LANES.
fn sum_of(i: u32) -> vec4<f32> {
  var sum = exchanged[0][i];
  for (var slice = 1u; slice < SLICES; slice++) { sum += exchanged[slice][i]; }
  return sum;
}
