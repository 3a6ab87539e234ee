// This is shared by the shaders that walk over the elements of one tensor, which follow this text and bind `keep`.

/// This says how the groups of the tensor lie (layout.ts): 0 anyhow, 1 each element is one, 2 columns, 3 rows. With 2
/// and 3 a row of the tensor has at least four elements.
const GROUPS: u32 = 0u;
/// It is 1 where rows of the tensor are whole fours.
const WHOLE: u32 = 0u;
/// It is 1 where groups are made of blocks of bf · bc.
const BLOCKS: u32 = 0u;
/// It is 1 where keep holds for each kernel the bits of the taps that stay, and 0 where it holds whether each group
/// stays.
const TAPS: u32 = 0u;

/// The tensor is [F, C, KK], and the group of its element (f, c, k) is ⌊f/bf⌋·gf + ⌊c/bc⌋·gc + k·gk.
struct Groups {
  C: u32,
  KK: u32,
  gf: u32,
  gc: u32,
  gk: u32,
  bf: u32,
  bc: u32,
  length: u32, // A row has so many elements.
}

/// The tensor's groups begin here in `keep`, in fours.
var<private> keepFirst: u32;

fn stays(q: u32) -> f32 {
  return keep[keepFirst + q / 4u][q % 4u];
}

/// This is an element's place, its block, and where it is in its block.
struct Element { f: u32, c: u32, k: u32, fb: u32, cb: u32, fr: u32, cr: u32 }

fn elementAt(i: u32, g: Groups) -> Element {
  let row = i / g.KK;
  let f = row / g.C;
  let c = row - f * g.C;
  var e = Element(f, c, i - row * g.KK, f, c, 0u, 0u);
  if (BLOCKS == 1u) {
    e.fb = f / g.bf;
    e.cb = c / g.bc;
    e.fr = f - e.fb * g.bf;
    e.cr = c - e.cb * g.bc;
  }
  return e;
}

/// Gives the element behind it without another division.
fn next(e: Element, g: Groups) -> Element {
  let nextChannel = e.k + 1u == g.KK;
  let nextFilter = nextChannel && e.c + 1u == g.C;
  let nextColumn = nextChannel && (BLOCKS == 0u || e.cr + 1u == g.bc);
  let nextRow = nextFilter && (BLOCKS == 0u || e.fr + 1u == g.bf);
  return Element(
    e.f + u32(nextFilter),
    select(e.c + u32(nextChannel), 0u, nextFilter),
    select(e.k + 1u, 0u, nextChannel),
    e.fb + u32(nextRow),
    select(e.cb + u32(nextColumn), 0u, nextFilter),
    select(e.fr + u32(nextFilter), 0u, nextRow),
    select(e.cr + u32(nextChannel), 0u, nextColumn || nextFilter));
}

fn keepOf(e: Element, g: Groups) -> f32 {
  let value = stays(e.fb * g.gf + e.cb * g.gc + e.k * g.gk);
  if (TAPS == 1u) { return f32((u32(value) >> e.k) & 1u); }
  return value;
}

/// Gives keep of the elements 4·v … 4·v + 3, and anything for those beyond the tensor's end.
fn keepOfFour(v: u32, g: Groups) -> vec4<f32> {
  if (GROUPS == 1u) { return keep[keepFirst + v]; }
  if (GROUPS == 2u || GROUPS == 3u) {
    let f = 4u * v / g.length;
    let at = 4u * v - f * g.length;
    if (GROUPS == 2u && WHOLE == 1u) { return keep[keepFirst + at / 4u]; }
    if (GROUPS == 3u && WHOLE == 1u) { return vec4<f32>(stays(f)); }
    // Where the row ends inside the four, the rest belongs to the next one.
    let i = at + vec4<u32>(0u, 1u, 2u, 3u);
    let next = i >= vec4<u32>(g.length);
    if (GROUPS == 3u) { return select(vec4<f32>(stays(f)), vec4<f32>(stays(f + 1u)), next); }
    let q = select(i, i - vec4<u32>(g.length), next);
    return vec4<f32>(stays(q.x), stays(q.y), stays(q.z), stays(q.w));
  }
  let a = elementAt(4u * v, g);
  let b = next(a, g);
  let c = next(b, g);
  return vec4<f32>(keepOf(a, g), keepOf(b, g), keepOf(c, g), keepOf(next(c, g), g));
}

/// Says which of the elements 4·v … 4·v + 3 there are.
fn presentOfFour(v: u32, count: u32) -> vec4<bool> {
  return vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(count - min(count, 4u * v));
}
