/** NumPy's .npy files of float32, as fixtures hold inputs and outputs. */
import type { HostTensor } from "../../src/graph/types.ts";

/** @throws for anything but little-endian float32 in C order */
export function readNpy(bytes: Uint8Array): HostTensor {
  const start = 10 + new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true);
  const header = new TextDecoder("latin1").decode(bytes.subarray(10, start));
  const shape = header.match(/'shape': \(([\d, ]*)\)/)?.[1];
  if (!header.includes("'<f4'") || !header.includes("'fortran_order': False") || shape === undefined) {
    throw new Error(`expected float32 in C order, got ${header}`);
  }
  const data = new Float32Array(bytes.slice(start).buffer);
  return { shape: shape.split(",").filter((d) => d.trim() !== "").map(Number), data };
}
