// This is shared by the passes of a long selection, which follow this text and order.wgsl, and says where their keys
// come from.
//
//   WEIGHTS = 0   key = order of scores[i]
//   WEIGHTS = 1   key = bits of |w + u|, 0 where frozen = 0: single weights ranked without storing scores
//
// A window is a stretch of the score vector that fits a binding. An input that a variant doesn't use may hold any
// read-only buffer.

const WEIGHTS: u32 = 0u;
const DUAL: u32 = 0u;
const FROZEN: u32 = 0u;

/// This says how a selection stands; the steps of topk_long.ts write and read it in turn.
struct State {
  low: atomic<u32>,       // The k-th largest key is expected in low … high.
  high: atomic<u32>,
  above: atomic<u32>,     // It counts the keys above high.
  inside: atomic<u32>,    // It counts the keys from low to high.
  spilled: atomic<u32>,   // So many threads have more candidates than slots.
  source: atomic<u32>,    // The histograms count 0 the candidates, 1 all keys, 2 nothing, since the threshold is known.
  threshold: atomic<u32>, // It is the k-th largest key, as far as its bits are known.
  wanted: atomic<u32>,    // So many are kept among the keys that share those bits.
  tied: atomic<u32>,      // It is 1 where fewer of the keys that equal the threshold stay than there are.
  limit: atomic<u32>,     // Keys that equal the threshold stay at indices below it.
  tile: atomic<u32>,      // The limit lies in this tile.
  rest: atomic<u32>,      // So many equals of this tile stay.
  bad: atomic<u32>,       // So many scores are NaN or infinite.
  bins: array<atomic<u32>, 256>,
}

@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> u: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> frozen: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> state: State;

/// Gives the keys of the four scores from 4·v on.
fn keys(v: u32) -> vec4<u32> {
  var x = w[v];
  if (WEIGHTS == 0u) {
    return vec4<u32>(orderKey(x.x), orderKey(x.y), orderKey(x.z), orderKey(x.w));
  }
  if (DUAL == 1u) { x += u[v]; }
  let bits = bitcast<vec4<u32>>(x) & vec4<u32>(0x7fffffffu);
  if (FROZEN == 1u) { return select(bits, vec4<u32>(0u), frozen[v] == vec4<f32>(0.0)); }
  return bits;
}

/// Gives 1 for each of the scores from 4·v on that is below `count`.
fn present(v: u32, count: u32) -> vec4<u32> {
  return select(vec4<u32>(0u), vec4<u32>(1u), vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(count - min(count, 4u * v)));
}

/// Gives 1 where the score is NaN or infinite.
fn notFinite(key: vec4<u32>) -> vec4<u32> {
  let high = key >= vec4<u32>(select(0xff800000u, 0x7f800000u, WEIGHTS == 1u));
  let low = (key <= vec4<u32>(0x007fffffu)) & vec4<bool>(WEIGHTS == 0u);
  return select(vec4<u32>(0u), vec4<u32>(1u), high | low);
}

fn total(x: vec4<u32>) -> u32 {
  return x.x + x.y + x.z + x.w;
}
