// Finds where a buffer first holds a number that is NaN, infinite, or of a magnitude of at least `limit`:
//   place[0] = max(place[0], total - i) over all such i, so that 0 means nowhere and total - place[0] is the first
// Magnitudes are compared as bits, since WGSL may assume that there are no NaN; `limit` is a float's bits.
//
// x is n numbers, the part of a larger buffer of `total` that begins at `first`; place is one u32, cleared before.
// Integer maxima don't depend on the order of threads. Each thread takes every (64 * groups)-th number.
// The grid is (groups, 1, 1) workgroups of 64.

struct Params {
  n: u32,
  first: u32,
  total: u32,
  limit: u32,
  groups: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> place: array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3<u32>) {
  for (var i = thread.x; i < p.n; i += 64u * p.groups) {
    if ((x[i] & 0x7fffffffu) >= p.limit) {
      atomicMax(&place[0], p.total - p.first - i);
      return;
    }
  }
}
