// Copies memory: y_i = x_i. It reads and writes every vec4 once and does nothing else, so that streaming kernels are
// held against it.
//
// A thread takes PER_THREAD vec4, `p.stride` apart, so that neighbouring threads always read neighbours.
//
// The bindings are x and y, [p.count] vec4 each. The grid has p.stride threads, 64 to a workgroup, p.row to a row of
// the grid; p.stride · PER_THREAD ≥ p.count.

struct Params {
  count: u32,
  stride: u32,
  row: u32,
}

const PER_THREAD: u32 = 1u;

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let first = id.x + id.y * p.row;
  for (var k = 0u; k < PER_THREAD; k++) {
    let i = first + k * p.stride;
    if (i < p.count) {
      y[i] = x[i];
    }
  }
}
