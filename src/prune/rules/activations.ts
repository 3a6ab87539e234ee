/** Functions of one number: channel j of what they make is the function of channel j of what they read. */

import { referenceNode } from "../../graph/reference/forward.ts";
import type { Node, OpName } from "../../graph/types.ts";
import {
  firstParameterAxis,
  keptAsItIs,
  needsAll,
  neverWhole,
  noParameterAxis,
  sameAxis,
  straightLinks,
} from "./linked.ts";
import { numberOfChannel, range } from "./operands.ts";
import type { Fact, LinkedRule, NumberedModel, Rule } from "./types.ts";

const pointwise: LinkedRule = {
  kind: "linked",
  axis: sameAxis,
  whole: neverWhole,
  links: straightLinks,
  constants: (node, numbered, factOf) => mapped(node, numbered, factOf, []),
  needs: needsAll,
  parameterAxis: noParameterAxis,
  rewrite: keptAsItIs,
};

/** One slope for each entry of axis 1. */
const prelu: LinkedRule = {
  ...pointwise,
  constants: (node, numbered, factOf) => sloped(node, numbered, factOf),
  parameterAxis: (node, name, numbered) =>
    numbered.channels.axis(node.outputs[0]) === 1 ? firstParameterAxis(node, name, numbered) : null,
};

export const ACTIVATIONS = {
  Relu: pointwise,
  LeakyRelu: pointwise,
  Clip: pointwise,
  Gelu: pointwise,
  Sigmoid: pointwise,
  Tanh: pointwise,
  HardSigmoid: pointwise,
  HardSwish: pointwise,
  Elu: pointwise,
  Softplus: pointwise,
  Mish: pointwise,
  Abs: pointwise,
  Dropout: pointwise,
  Identity: pointwise,
  PRelu: prelu,
} satisfies Partial<Record<OpName, Rule>>;

/**
 * The reference interpreter on the constants, one pixel per channel: no second definition of any function.
 *
 * @param params what the node reads beside x, an entry per channel
 */
export function mapped(
  node: Node,
  { channels }: NumberedModel,
  factOf: (channel: number) => Fact,
  params: readonly Float64Array[],
): Fact[] {
  const width = channels.width(node.inputs[0]);
  const facts = Array.from({ length: width }, (_, j) => factOf(channels.base(node.inputs[0]) + j));
  const data = Float64Array.from(facts, (fact) => typeof fact === "number" ? fact : 0);
  const made = referenceNode(node, [
    { shape: [1, width], data },
    ...params.map((data) => ({ shape: [width], data })),
  ]);
  return facts.map((fact, j) => typeof fact === "number" ? made.data[j] : fact);
}

/** Where the slopes stand along another axis than the channels, a negative constant needs them all to be the same. */
function sloped(node: Node, numbered: NumberedModel, factOf: (channel: number) => Fact): Fact[] {
  const { channels } = numbered;
  const [x, slope] = node.inputs;
  const axis = prelu.parameterAxis(node, slope, numbered);
  const slopes = range(channels.width(x)).map((j) => numberOfChannel(numbered, slope, axis, j));
  const made = mapped(node, numbered, factOf, [Float64Array.from(slopes, (slope) => slope ?? 1)]);
  return made.map((fact, j) => {
    const read = factOf(channels.base(x) + j);
    return slopes[j] === undefined && typeof read === "number" && read < 0 ? "varying" : fact;
  });
}
