/** Says what a step of an inference plan has to move at least. It is pure. */
import { type FusedStep, readsOf } from "../graph/fuse.ts";
import { sampleSize } from "../graph/shapes.ts";
import type { Graph, Shape } from "../graph/types.ts";
import { elements } from "../tensor/tensor.ts";

/**
 * Counts the bytes of what a step reads and makes, each moved once: 4·(batch·Σ activations + Σ parameters). A kernel
 * that reads something again, or packs it first, moves more.
 *
 * @param shapes of all values, such as `inferShapes` gives them
 */
export function stepBytes(step: FusedStep, graph: Graph, shapes: ReadonlyMap<string, Shape>, batch: number): number {
  let numbers = batch * sampleSize(shapes.get(step.output)!);
  for (const name of new Set(readsOf(step))) {
    const shape = shapes.get(name);
    numbers += shape ? batch * sampleSize(shape) : elements(graph.params[name].shape);
  }
  return 4 * numbers;
}
