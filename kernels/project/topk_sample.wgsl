// Sets samples[first + s] ← the key of one score out of each of `samples` equal stretches of a window: where in its
// stretch is drawn by a hash, so that no period of the layout shows. Follows keys.wgsl. A workgroup has 256 threads,
// one per sample.

struct Params {
  count: u32,   // The window has so many scores.
  stretch: u32, // A sample is one of so many scores; stretch · samples ≤ count.
  samples: u32,
  first: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read_write> samples: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let s = id.x;
  if (s >= p.samples) { return; }
  var hash = (s + 1u) * 0x9e3779b9u;
  hash = (hash ^ (hash >> 16u)) * 0x85ebca6bu;
  hash = hash ^ (hash >> 13u);
  let i = s * p.stretch + hash % p.stretch;
  let four = keys(i / 4u);
  samples[p.first + s] = four[i % 4u];
}
