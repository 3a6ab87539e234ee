/** Operators that weigh tokens, or channels, against each other. */

import type { Node, OpName } from "../../graph/types.ts";
import { keptAsItIs, noParameterAxis, sameAxis, straightLinks } from "./linked.ts";
import { activations } from "./operands.ts";
import type { Constants, LinkedRule, NumberedGraph, NumberedModel, Rule } from "./types.ts";

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

export const ATTENTION = {
  Attention: attention,
  Softmax: {
    kind: "whole",
    axis: sameAxis,
    why: "which divides by a sum over all channels: without one, the others would change",
  },
} satisfies Partial<Record<OpName, Rule>>;

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
