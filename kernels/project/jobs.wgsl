// Shares out the workgroups of a dispatch among tensors. A shader behind this text has a table `jobs`, whose rows have a
// first workgroup `start` each, in order from 0 on.

struct Params {
  jobs: u32,       // There are so many tensors.
  workgroups: u32, // They have so many workgroups in all.
  row: u32,        // A row of the grid has so many workgroups.
}

@group(0) @binding(0) var<uniform> p: Params;

/// Says which tensor a workgroup is for.
fn job_of(workgroup: u32) -> u32 {
  var low = 0u;
  var high = p.jobs;
  while (high - low > 1u) {
    let middle = (low + high) / 2u;
    if (jobs[middle].start <= workgroup) { low = middle; } else { high = middle; }
  }
  return low;
}
