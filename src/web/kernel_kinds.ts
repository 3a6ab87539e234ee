/** What a timed kernel is called on the page, and what it is held against. */
import type { KernelTime } from "../measure/session/types.ts";

export const KERNEL_KINDS = ["gemm", "conv", "block-sparse"] as const;
export type KernelKind = typeof KERNEL_KINDS[number];

/** The dense product that block-sparse ones are held against is timed with them, and is none. */
export function kernelKind({ family, density }: Pick<KernelTime, "family" | "density">): KernelKind {
  return family === "block-sparse" && density === 1 ? "gemm" : family;
}

/** The dense product of the same matrices, for a block-sparse one. */
export function denseOf(kernels: readonly KernelTime[], kernel: KernelTime): KernelTime | undefined {
  if (kernelKind(kernel) !== "block-sparse") return undefined;
  return kernels.find(({ family, shape, density }) =>
    family === "block-sparse" && shape === kernel.shape && density === 1
  );
}
