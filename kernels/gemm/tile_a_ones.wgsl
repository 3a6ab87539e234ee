// Reads a for tile.wgsl one by one, wherever it lies; a unit is a number.
@group(0) @binding(1) var<storage, read> a: array<f32>;

fn a_unit(i: u32) -> u32 { return i; }
fn a_units(i: vec4<u32>) -> vec4<u32> { return i; }

// Gives where units of four rows and the t-th four of k begin, and that in numbers.
fn a_starts(rows: vec4<u32>, t: u32) -> vec4<u32> { return rows * p.a_row + vec4<u32>(a_base + 4u * t * p.a_col); }
fn a_elements(starts: vec4<u32>) -> vec4<u32> { return starts; }

fn a_one(i: u32) -> f32 { return a[i]; }

// Gives four neighbours.
fn a_along(i: u32) -> vec4<f32> { return vec4<f32>(a[i], a[i + 1u], a[i + 2u], a[i + 3u]); }

// Gives four rows at one k.
fn a_across(rows: vec4<u32>, i: u32) -> vec4<f32> {
  return vec4<f32>(a[rows.x + i], a[rows.y + i], a[rows.z + i], a[rows.w + i]);
}
