/** Says what a device's roofs (roofline.ts) allow at most. It is pure. */
import type { Roof } from "./session/types.ts";

export interface Bound {
  /** No kernel that does this work can be faster, in ms. */
  readonly ms: number;
  /** It meets this roof. */
  readonly by: "arithmetic" | "memory";
}

/** Gives the time that `flops` operations and `bytes` of traffic take at least. */
export function bound(flops: number, bytes: number, { gflops, gbps }: Roof): Bound {
  const [arithmetic, memory] = [flops / gflops / 1e6, bytes / gbps / 1e6];
  return arithmetic >= memory ? { ms: arithmetic, by: "arithmetic" } : { ms: memory, by: "memory" };
}
