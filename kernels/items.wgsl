// Stands behind a body that has p.row and makes item i in item(i), which leaves out what lies beyond the last: a workgroup
// of 64 threads makes 256 neighbouring items. The grid is (row, ceil(items / 256 / row), 1) workgroups.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 256u + local;
  item(i);
  item(i + 64u);
  item(i + 128u);
  item(i + 192u);
}
