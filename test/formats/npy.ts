/** Inputs and outputs of fixtures, as NumPy's files hold them. */
import { readNpy as read } from "../../src/formats/npy.ts";
import type { HostTensor } from "../../src/graph/types.ts";

export function readNpy(bytes: Uint8Array): HostTensor {
  const { shape, data } = read(bytes, "a fixture");
  return { shape, data: Float32Array.from(data) };
}
