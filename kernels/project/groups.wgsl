// Shared by the shaders that walk over the elements of one tensor, which follow this text.

/// The group of element e of a tensor [F, C, KK], `shape` = (C, KK), `strides` = (gf, gc, gk); see layout.ts.
fn groupOf(e: u32, shape: vec2<u32>, strides: vec3<u32>) -> u32 {
  let row = e / shape.y;
  let k = e - row * shape.y;
  let f = row / shape.x;
  let c = row - f * shape.x;
  return f * strides.x + c * strides.y + k * strides.z;
}
