// Reads b for tile.wgsl in f16, two to a word, the even one low; a unit is a number.
@group(0) @binding(2) var<storage, read> b: array<u32>;

fn b_unit(i: u32) -> u32 { return i; }
fn b_units(i: vec4<u32>) -> vec4<u32> { return i; }

// Gives where units of four rows and the t-th four of k begin, and that in numbers.
fn b_starts(rows: vec4<u32>, t: u32) -> vec4<u32> { return rows * p.b_row + vec4<u32>(b_base + 4u * t * p.b_col); }
fn b_elements(starts: vec4<u32>) -> vec4<u32> { return starts; }

fn b_one(i: u32) -> f32 {
  let pair = unpack2x16float(b[i >> 1u]);
  return select(pair.x, pair.y, (i & 1u) == 1u);
}

// Gives four neighbours.
fn b_along(i: u32) -> vec4<f32> { return vec4<f32>(b_one(i), b_one(i + 1u), b_one(i + 2u), b_one(i + 3u)); }

// Gives four rows at one k.
fn b_across(rows: vec4<u32>, i: u32) -> vec4<f32> {
  return vec4<f32>(b_one(rows.x + i), b_one(rows.y + i), b_one(rows.z + i), b_one(rows.w + i));
}
