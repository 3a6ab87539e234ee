// Reads a for tile.wgsl in fours, where its rows and its products begin at multiples of four; a unit is a vec4.
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;

fn a_unit(i: u32) -> u32 { return i >> 2u; }
fn a_units(i: vec4<u32>) -> vec4<u32> { return i >> vec4<u32>(2u); }

// Gives where units of four rows and the t-th four of k begin, and that in numbers, where rows beyond the edge may be
// others. Shifts that a compiler could undo would keep both in registers.
fn a_starts(rows: vec4<u32>, t: u32) -> vec4<u32> {
  if (A_ROWS == 1u) { return vec4<u32>((rows.x >> 2u) + (a_base >> 2u) + 4u * t * (p.a_col >> 2u)); }
  return rows * (p.a_row >> 2u) + vec4<u32>((a_base >> 2u) + t);
}

fn a_elements(starts: vec4<u32>) -> vec4<u32> {
  if (A_ROWS == 1u) { return (starts << vec4<u32>(2u)) + vec4<u32>(0u, 1u, 2u, 3u); }
  return starts << vec4<u32>(2u);
}

fn a_one(i: u32) -> f32 { return a[i >> 2u][i & 3u]; }

// Gives four neighbours.
fn a_along(unit: u32) -> vec4<f32> { return a[unit]; }

// Gives four neighbouring rows at one k.
fn a_across(rows: vec4<u32>, unit: u32) -> vec4<f32> { return a[rows.x + unit]; }
