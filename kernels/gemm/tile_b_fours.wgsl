// Reads b for tile.wgsl in fours, where its rows and its products begin at multiples of four; a unit is a vec4.
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;

fn b_unit(i: u32) -> u32 { return i >> 2u; }
fn b_units(i: vec4<u32>) -> vec4<u32> { return i >> vec4<u32>(2u); }

// Gives where units of four rows and the t-th four of k begin, and that in numbers, where rows beyond the edge may be
// others. Shifts that a compiler could undo would keep both in registers.
fn b_starts(rows: vec4<u32>, t: u32) -> vec4<u32> {
  if (B_ROWS == 1u) { return vec4<u32>((rows.x >> 2u) + (b_base >> 2u) + 4u * t * (p.b_col >> 2u)); }
  return rows * (p.b_row >> 2u) + vec4<u32>((b_base >> 2u) + t);
}

fn b_elements(starts: vec4<u32>) -> vec4<u32> {
  if (B_ROWS == 1u) { return (starts << vec4<u32>(2u)) + vec4<u32>(0u, 1u, 2u, 3u); }
  return starts << vec4<u32>(2u);
}

fn b_one(i: u32) -> f32 { return b[i >> 2u][i & 3u]; }

// Gives four neighbours.
fn b_along(unit: u32) -> vec4<f32> { return b[unit]; }

// Gives four neighbouring rows at one k.
fn b_across(rows: vec4<u32>, unit: u32) -> vec4<f32> { return b[rows.x + unit]; }
