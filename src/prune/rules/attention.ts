/** Operators that weigh tokens, or channels, against each other. */

import type { Node, OpName } from "../../graph/types.ts";
import { keptAsItIs, needsAll, noParameterAxis, sameAxis, straightLinks } from "./linked.ts";
import { activations } from "./operands.ts";
import type { Constants, Fact, LinkedRule, NumberedGraph, NumberedModel, Rule } from "./types.ts";

/** Heads go one by one, but no part of one. */
const attention: LinkedRule = {
  kind: "linked",
  axis: sameAxis,
  whole: wholeUnlessHeads,
  links: straightLinks,
  // Weights that sum to 1 leave a constant what it is.
  constants({ inputs: [, , v] }, { channels }, factOf) {
    return Array.from({ length: channels.width(v) }, (_, j) => factOf(channels.base(v) + j));
  },
  needs: needsWeights,
  parameterAxis: noParameterAxis,
  rewrite: keptAsItIs,
};

/** Over the last axis: channels that stand along another one go one by one. */
const softmax: LinkedRule = {
  kind: "linked",
  axis: sameAxis,
  whole({ inputs: [x] }, { shapes, channels }) {
    const isOverChannels = channels.axis(x) === shapes.get(x)!.length - 1;
    return isOverChannels
      ? "which divides by a sum over all channels: without one, the others would change"
      : undefined;
  },
  links: straightLinks,
  // Equal numbers have equal shares.
  constants: ({ inputs: [x] }, { channels, shapes }, factOf) =>
    Array.from({ length: channels.width(x) }, (_, j): Fact => {
      const fact = factOf(channels.base(x) + j);
      return typeof fact === "number" ? 1 / (shapes.get(x)!.at(-1) as number) : fact;
    }),
  needs: needsAll,
  parameterAxis: noParameterAxis,
  rewrite: keptAsItIs,
};

export const ATTENTION = {
  Attention: attention,
  Softmax: softmax,
} satisfies Partial<Record<OpName, Rule>>;

/** Two activations as matrices of each head: heads go one by one, where they stand along an axis of their own. */
export const product: LinkedRule = {
  kind: "linked",
  axis: sameAxis,
  whole: wholeUnlessMatrices,
  links: straightLinks,
  // A matrix of zeros makes zeros of the other one.
  constants: ({ inputs, outputs: [y] }, { channels }, factOf) =>
    Array.from({ length: channels.width(y) }, (_, j): Fact => {
      const facts = inputs.map((x) => factOf(channels.base(x) + j));
      return facts.includes(0) ? 0 : facts.includes("unknown") ? "unknown" : "varying";
    }),
  needs: ({ inputs, outputs: [y] }, { channels }, known) => (made, read) => {
    const factors = inputs.map((x) => channels.base(x) + made - channels.base(y));
    const zero = factors.find((channel) => known.valueOf(channel) === 0);
    return zero === undefined || zero === read;
  },
  parameterAxis: noParameterAxis,
  rewrite: keptAsItIs,
};

function wholeUnlessMatrices(node: Node, { shapes, channels }: NumberedGraph): string | undefined {
  const axis = channels.axis(node.outputs[0]);
  const beside = node.inputs.every((x) => channels.axis(x) === axis && axis < shapes.get(x)!.length - 2);
  return beside ? undefined : "which multiplies activations with each other";
}

function wholeUnlessHeads(node: Node, { shapes, channels }: NumberedGraph): string | undefined {
  return activations(node, channels).every((x) => channels.axis(x) === 1 && shapes.get(x)!.length === 4)
    ? undefined
    : "which compares tokens by all of these features, not in heads that could go one by one";
}

/** Whatever the weights are, they leave a constant what it is: only the values are needed then. */
function needsWeights(
  { inputs: [, , v], outputs: [y] }: Node,
  { channels }: NumberedModel,
  known: Constants,
): (made: number, read: number) => boolean {
  return (made, read) => {
    const value = channels.base(v) + made - channels.base(y);
    return read === value || known.valueOf(value) === undefined;
  };
}
