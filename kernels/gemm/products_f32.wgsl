// The numbers that tile.wgsl multiplies are f32, and so are their sums.
alias Four = vec4<f32>;
alias Block = mat4x4<f32>;
const HALVES: u32 = 0u;

// Gives a sum with products that were added up by themselves: all of them are in `c`.
fn widened(s: mat4x4<f32>, c: Block) -> mat4x4<f32> { return c; }
