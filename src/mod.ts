/**
 * Secateur as a library: prunes neural networks on WebGPU and measures what it bought, in Deno and in browsers.
 *
 * A model is a graph and named parameters (`Model`); `loadOnnx` reads one, `createModel` gives one of the zoo. Rewrites
 * such as `compact` map models to models, and `assertEquivalent` proves them. `Gpu.open` opens the device. This module
 * has all of the others but `./web`; docs/library.md shows how they go together.
 *
 * @module
 */
export * from "./entries/graph_entry.ts";
export * from "./entries/prune_entry.ts";
export * from "./entries/depth_entry.ts";
export * from "./entries/train_entry.ts";
export * from "./entries/measure_entry.ts";
export * from "./entries/formats_entry.ts";
export { memoryStore } from "./store/memory.ts";
export type { ReadOptions, Store } from "./store/types.ts";
