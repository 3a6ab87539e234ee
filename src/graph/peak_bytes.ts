/** How much memory a network's activations take while it runs. Pure. */

import { elements } from "../tensor/tensor.ts";
import { dropIdentities, withoutFolded } from "./fold.ts";
import { fuse, readsOf } from "./fuse.ts";
import { inferShapes } from "./infer.ts";
import { concrete } from "./shapes.ts";
import { isView } from "./roles.ts";
import type { Graph } from "./types.ts";

/**
 * The bytes of activations that the inference plan needs at once, at its fullest step: the values that the step reads and
 * makes, and those that a later step still reads, 4 bytes a number. The network's input counts while it is read, and its
 * output to the end; a value and its views count once. Steps are those of `compilePlan`: batch norms are folded, and what is
 * fused into a layer's kernel makes no value. Weights, and what a kernel uses as scratch, don't count. It is a lower bound of
 * the plan's activation buffers, which are reused as wholes.
 *
 * @param batch inputs in one run; default 1
 */
export function peakBytes(graph: Graph, batch = 1): number {
  const folded = withoutFolded(dropIdentities(graph));
  const shapes = inferShapes(folded);
  const steps = fuse(folded);
  const [{ name: input }] = folded.inputs;
  /** The value whose storage a view shares. */
  const storage = new Map<string, string>();
  const storageOf = (value: string) => storage.get(value) ?? value;
  const born = new Map<string, number>([[input, 0]]);
  const lastUse = new Map<string, number>();
  steps.forEach((step, i) => {
    const { node, output } = step;
    if (isView(node)) storage.set(output, storageOf(node.inputs[0]));
    else born.set(output, i);
    for (const value of [...readsOf(step), output]) lastUse.set(storageOf(value), i);
  });
  for (const output of folded.outputs) lastUse.set(storageOf(output), steps.length);
  const bytesAt = (step: number) =>
    [...born].filter(([value, first]) => first <= step && step <= lastUse.get(value)!)
      .reduce((sum, [value]) => sum + 4 * elements(concrete(shapes.get(value)!, batch)), 0);
  return Math.max(...Array.from({ length: Math.max(1, steps.length) }, (_, step) => bytesAt(step)));
}
