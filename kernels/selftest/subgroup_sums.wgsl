// Gives each thread the sum of x over its subgroup and the number of its subgroup's first thread, from which the host
// can tell who was added up, whatever the subgroups' size.
//
// The bindings are x (read), sums and first (read_write), all [groups * 64] u32. The grid has a workgroup per 64
// elements.
struct Params { unused: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> sums: array<u32>;
@group(0) @binding(3) var<storage, read_write> first: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + p.unused;
  sums[i] = subgroupAdd(x[i]);
  first[i] = subgroupBroadcastFirst(i);
}
