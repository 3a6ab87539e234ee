const scratch = new DataView(new ArrayBuffer(4));

/** Gives the bit pattern of `x` as a 32-bit float, as a uniform word holds it. */
export function f32bits(x: number): number {
  scratch.setFloat32(0, x, true);
  return scratch.getUint32(0, true);
}
