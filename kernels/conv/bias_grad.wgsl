// Computes db[f] = sum over n and i of dy[n,f,i], where dy is [batch,filters,size]. Each filter has a workgroup
// (workgroup_id.x), whose threads stride through the N*size values and add up in a tree. The bindings are dy (read),
// and db (read_write).
const GROUP: u32 = 64u;

struct Params { filters: u32, size: u32, total: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> db: array<f32>;

var<workgroup> sums: array<f32, GROUP>;

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let f = group.x;
  var sum = 0.0;
  for (var i = lane; i < p.total; i += GROUP) {
    sum += dy[(i / p.size * p.filters + f) * p.size + i % p.size];
  }
  sums[lane] = sum;
  workgroupBarrier();
  for (var reach = GROUP / 2u; reach > 0u; reach /= 2u) {
    if (lane < reach) { sums[lane] += sums[lane + reach]; }
    workgroupBarrier();
  }
  if (lane == 0u) { db[f] = sums[0]; }
}
