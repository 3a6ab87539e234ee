// Shared by the shaders that walk over the elements of one tensor, which follow this text and bind `keep`.

/// How the groups of the tensor lie (layout.ts): 0 anyhow, 1 each element is one, 2 columns, 3 rows. 2 and 3: rows of the
/// tensor are whole fours.
const GROUPS: u32 = 0u;
/// 1: groups are made of blocks of bf · bc.
const BLOCKS: u32 = 0u;
/// 1: keep holds for each kernel the bits of the taps that stay, 0: whether the group stays.
const TAPS: u32 = 0u;

/// The tensor [F, C, KK], and the group of its element (f, c, k): ⌊f/bf⌋·gf + ⌊c/bc⌋·gc + k·gk.
struct Groups {
  C: u32,
  KK: u32,
  gf: u32,
  gc: u32,
  gk: u32,
  bf: u32,
  bc: u32,
  fours: u32, // in a row, for GROUPS 2 and 3
}

fn keepOf(f: u32, c: u32, k: u32, g: Groups) -> f32 {
  var q = f * g.gf + c * g.gc + k * g.gk;
  if (BLOCKS == 1u) { q = (f / g.bf) * g.gf + (c / g.bc) * g.gc + k * g.gk; }
  let value = keep[q / 4u][q % 4u];
  if (TAPS == 1u) { return f32((u32(value) >> k) & 1u); }
  return value;
}

/// keep of the elements 4·v … 4·v + 3; of those beyond the tensor's end, anything.
fn keepOfFour(v: u32, g: Groups) -> vec4<f32> {
  if (GROUPS == 1u) { return keep[v]; }
  if (GROUPS == 2u) { return keep[v % g.fours]; }
  if (GROUPS == 3u) {
    let f = v / g.fours;
    return vec4<f32>(keep[f / 4u][f % 4u]);
  }
  let row = 4u * v / g.KK;
  var k = 4u * v - row * g.KK;
  var f = row / g.C;
  var c = row - f * g.C;
  var kept = vec4<f32>(0.0);
  kept.x = keepOf(f, c, k, g);
  for (var j = 1u; j < 4u; j++) {
    k += 1u;
    let nextChannel = k == g.KK;
    k = select(k, 0u, nextChannel);
    c += u32(nextChannel);
    let nextFilter = c == g.C;
    c = select(c, 0u, nextFilter);
    f += u32(nextFilter);
    kept[j] = keepOf(f, c, k, g);
  }
  return kept;
}

/// Which of the elements 4·v … 4·v + 3 there are.
fn presentOfFour(v: u32, count: u32) -> vec4<bool> {
  return vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(count - min(count, 4u * v));
}
