// What kernels share that give each row a team of LANES threads, 64 / LANES teams to a workgroup of 64: the shader that is put
// behind it names bindings and has the entry point. V is f32 where counts don't divide by 4.

alias V = vec4<f32>;
const LANES: u32 = 64u;

var<workgroup> shared_values: array<f32, 64>;

fn total(v: V) -> f32 { return (v.x + v.y) + (v.z + v.w); }

// Tells all of a team the sum of its values.
fn sum_of_team(local: u32, value: f32) -> f32 {
  if (LANES == 1u) { return value; }
  workgroupBarrier();
  shared_values[local] = value;
  workgroupBarrier();
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    if (local % LANES < step) { shared_values[local] += shared_values[local + step]; }
    workgroupBarrier();
  }
  return shared_values[local / LANES * LANES];
}
