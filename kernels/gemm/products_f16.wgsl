// The numbers that tile.wgsl multiplies are f16. Products of eight k are added up in f16, two at a time where
// the device can, and all of those in f32, which keeps the error of f16 to that of eight terms.
alias Four = vec4<f16>;
alias Block = mat4x4<f16>;
const HALVES: u32 = 1u;

// Gives a sum with products that were added up by themselves.
fn widened(s: mat4x4<f32>, c: Block) -> mat4x4<f32> {
  return mat4x4<f32>(
    s[0] + vec4<f32>(c[0]), s[1] + vec4<f32>(c[1]), s[2] + vec4<f32>(c[2]), s[3] + vec4<f32>(c[3]));
}
