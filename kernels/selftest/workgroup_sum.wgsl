// Tests workgroup memory: adds up the 256 numbers of a workgroup in a tree of barriers, as our reductions do.
//
//   sums[g] = sum over i of x[256 g + i]
//   dirty[g] = how many words of the workgroup's memory weren't 0 at its start
//
// The bindings are x [groups * 256] (read), sums and dirty [groups] (read_write), all u32. The grid has a workgroup of
// 256 threads per sum.
struct Params { unused: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> sums: array<u32>;
@group(0) @binding(3) var<storage, read_write> dirty: array<u32>;

var<workgroup> parts: array<u32, 256>;
var<workgroup> filled: atomic<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  if (parts[local] != 0u) { atomicAdd(&filled, 1u); }
  parts[local] = x[group.x * 256u + local + p.unused];
  workgroupBarrier();
  for (var step = 128u; step > 0u; step /= 2u) {
    if (local < step) { parts[local] += parts[local + step]; }
    workgroupBarrier();
  }
  if (local == 0u) {
    sums[group.x] = parts[0];
    dirty[group.x] = atomicLoad(&filled);
  }
}
