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
  if (axis === null) return uniform(data);
  const inner = elements(shape.slice(axis + 1));
  const [first, block] = [j * inner, shape[axis] * inner];
  for (let from = first; from < data.length; from += block) {
    for (let i = from; i < from + inner; i++) if (data[i] !== data[first]) return undefined;
  }
  return data[first];
}

/** The one value of a list whose entries are all the same, else undefined. */
export function uniform(values: Float32Array | Float64Array): number | undefined {
  for (const value of values) if (value !== values[0]) return undefined;
  return values[0];
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
