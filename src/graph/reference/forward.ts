/**
 * The reference interpreter: every operator as a plain loop in float64, sharing nothing with the GPU's code. It is the
 * oracle of the tests and what `secateur verify` holds a compact network against.
 */

import { UserError } from "../../errors.ts";
import { nodeError } from "../attrs.ts";
import { opOf } from "../ops/ops.ts";
import type { Graph, Node } from "../types.ts";
import type { Array64 } from "./array.ts";

/** A tensor in any numeric array: float32 parameters, or float64 ones where a test wants no rounding. */
export interface NumericTensor {
  /** Sizes along the axes. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: ArrayLike<number>;
}

/** How the reference runs. */
export interface ReferenceOptions {
  /** "train": batch norm uses the batch's statistics. Dropout passes its input on in both. Default "eval". */
  readonly mode?: "eval" | "train";
}

/**
 * All activations of the model: inputs and node outputs by name, each [N, …].
 *
 * @throws UserError when an input is missing or doesn't fit the graph
 */
export function referenceForward(
  model: { readonly graph: Graph; readonly params: ReadonlyMap<string, NumericTensor> },
  inputs: Readonly<Record<string, NumericTensor>>,
  { mode = "eval" }: ReferenceOptions = {},
): Map<string, Array64> {
  const { graph } = model;
  const params = new Map(Array.from(model.params, ([name, tensor]) => [name, float64(tensor)]));
  const values = new Map<string, Array64>();
  for (const { name, shape } of graph.inputs) {
    const given = inputs[name];
    const fits = given?.shape.length === shape.length && shape.every((d, axis) => d === "N" || d === given.shape[axis]);
    if (!fits) {
      throw new UserError(`graph "${graph.name}": input "${name}" is [${given?.shape}], expected [${shape}]`);
    }
    values.set(name, float64(given));
  }
  for (const node of graph.nodes) {
    const read = node.inputs.map((name) => {
      const value = values.get(name) ?? params.get(name);
      if (!value) throw nodeError(node, `"${name}" has no value`);
      return value;
    });
    values.set(node.outputs[0], referenceNode(node, read, mode));
  }
  return values;
}

/** One node. */
export function referenceNode(node: Node, inputs: readonly Array64[], mode: "eval" | "train" = "eval"): Array64 {
  return opOf(node).reference(node, inputs, mode);
}

function float64({ shape, data }: NumericTensor): Array64 {
  return { shape, data: data instanceof Float64Array ? data : Float64Array.from(data) };
}
