const scratch = new DataView(new ArrayBuffer(4));

/** The bit pattern of `x` as a 32-bit float, for a uniform word. */
export function f32bits(x: number): number {
  scratch.setFloat32(0, x, true);
  return scratch.getUint32(0, true);
}
