import type { PackedWeight } from "./format.ts";

/** Counts the bytes of a packed weight. */
export function packedWeight(parts: Omit<PackedWeight, "bytes">): PackedWeight {
  const arrays = [parts.values, ...Object.values(parts.index)];
  return { ...parts, bytes: arrays.reduce((sum, a) => sum + a.byteLength, 0) };
}

/** Gives the same, or undefined if it stores as many numbers as the dense weight. */
export function savingWeight(parts: Omit<PackedWeight, "bytes">): PackedWeight | undefined {
  return parts.stored < parts.rows * parts.columns ? packedWeight(parts) : undefined;
}

/** Gives the rows and columns of a weight's GEMM view: [F,C,KH,KW] as [F, C·KH·KW], [N,K] as it is. */
export function matrixShape([rows, ...rest]: readonly number[]): { rows: number; columns: number } {
  return { rows, columns: rest.reduce((product, n) => product * n, 1) };
}

export function countNonzeros(weight: Float32Array): number {
  let count = 0;
  for (const w of weight) if (w !== 0) count++;
  return count;
}
