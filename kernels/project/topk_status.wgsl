// Sets status[slot] ← how many scores were NaN or infinite. Follows keys.wgsl. The grid has one thread.

struct Params {
  slot: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(5) var<storage, read_write> status: array<f32>;

@compute @workgroup_size(1)
fn main() {
  status[p.slot] = f32(atomicLoad(&state.bad));
}
