/** What the rules of several families ask of a node's operands. */

import { UserError } from "../../errors.ts";
import type { HostTensor, Model, Node } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import type { ChannelNumbers, NumberedModel } from "./types.ts";

/** The inputs of a node that aren't parameters. */
export function activations(node: Node, channels: { has(value: string): boolean }): string[] {
  return node.inputs.filter((name) => channels.has(name));
}

/** Where channel j of what a node makes finds its operand: an operand of one channel is spread over all. */
export function operandChannel(channels: ChannelNumbers, operand: string, j: number): number {
  return channels.base(operand) + (channels.width(operand) === 1 ? 0 : j);
}

/** @throws UserError when the model has no values for it */
export function tensor(model: Model, name: string): HostTensor {
  const found = model.params.get(name);
  if (!found) throw new UserError(`parameter "${name}" of graph "${model.graph.name}" has no values`);
  return found;
}

/** What a parameter gives to channel j along an axis of it: one number, or undefined where it has several. */
export function numberOfChannel(
  { model }: NumberedModel,
  name: string,
  axis: number | null,
  j: number,
): number | undefined {
  const { shape, data } = tensor(model, name);
  if (axis === null) return uniform(Float64Array.from(data));
  const inner = elements(shape.slice(axis + 1));
  if (inner * shape[axis] === data.length) return uniform(Float64Array.from(data.subarray(j * inner, (j + 1) * inner)));
  return uniform(Float64Array.from(data.filter((_, i) => Math.floor(i / inner) % shape[axis] === j)));
}

/** The one value of a list whose entries are all the same, else undefined. */
export function uniform(values: Float64Array): number | undefined {
  return values.every((v) => v === values[0]) ? values[0] : undefined;
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
