/** Normalisations: by the running statistics of a channel, by those of a group of channels, or by those of all of them. */

import { groupNormAttrs } from "../../graph/attrs.ts";
import type { Node, OpName } from "../../graph/types.ts";
import { mapped } from "./activations.ts";
import { firstParameterAxis, keptAsItIs, sameAxis, straightLinks, wholeUnlessAxis1 } from "./linked.ts";
import { tensor } from "./operands.ts";
import type { Fact, Link, LinkedRule, NumberedGraph, NumberedModel, Rule } from "./types.ts";

const batchNorm: LinkedRule = {
  kind: "linked",
  axis: sameAxis,
  whole: wholeUnlessAxis1,
  links: straightLinks,
  constants: normalized,
  needs: needsUnlessScaledToNothing,
  parameterAxis: firstParameterAxis,
  rewrite: keptAsItIs,
};

/** The statistics are a group's: it goes as a whole, with its γ and β. */
const groupNorm: LinkedRule = {
  kind: "linked",
  axis: sameAxis,
  whole: wholeUnlessAxis1,
  links: linkGroups,
  constants: scaledToNothing,
  needs: needsUnlessScaledToNothing,
  parameterAxis: firstParameterAxis,
  rewrite(node, emission) {
    const [y] = node.outputs;
    const size = emission.numbered.channels.width(y) / groupNormAttrs(node).groups;
    emission.keepNode(node, { ...node.attrs, num_groups: emission.kept(y).length / size });
  },
};

/**
 * Always whole, so that it is asked nothing else: over the channels it mixes them, and along another axis it makes β of a
 * channel of zeros, which differs from position to position.
 */
const layerNorm: LinkedRule = {
  ...batchNorm,
  whole({ inputs: [x] }, { channels, shapes }) {
    const overChannels = channels.axis(x) === shapes.get(x)!.length - 1;
    const yields = overChannels ? " (stream: true allows it, and the network computes something else then)" : "";
    return `which takes mean and variance over all channels: without one, the others would change${yields}`;
  },
};

export const NORMS = {
  BatchNormalization: batchNorm,
  GroupNormalization: groupNorm,
  LayerNormalization: layerNorm,
} satisfies Partial<Record<OpName, Rule>>;

function linkGroups(node: Node, { channels }: NumberedGraph, link: Link): void {
  const to = channels.base(node.outputs[0]);
  const from = channels.base(node.inputs[0]);
  const count = channels.width(node.outputs[0]);
  const size = count / groupNormAttrs(node).groups;
  for (let j = 0; j < count; j++) {
    const first = from + j - j % size;
    for (let i = 0; i < size; i++) link(to + j, first + i, "tie");
  }
}

/** γ = 0 makes β, whatever comes in. */
function normalized(node: Node, numbered: NumberedModel, factOf: (channel: number) => Fact): Fact[] {
  const params = node.inputs.slice(1).map((name) => Float64Array.from(tensor(numbered.model, name).data));
  const [gamma, beta] = params;
  return mapped(node, numbered, factOf, params).map((fact, j) => gamma[j] === 0 ? beta[j] : fact);
}

/** γ = 0 makes β; else a group's statistics depend on all of its channels. */
function scaledToNothing(node: Node, { model }: NumberedModel): Fact[] {
  const [gamma, beta] = node.inputs.slice(1).map((name) => tensor(model, name).data);
  return Array.from(gamma, (g, j) => g === 0 ? beta[j] : "varying");
}

/** γ = 0 reads nothing. */
function needsUnlessScaledToNothing(node: Node, { model, channels }: NumberedModel): (made: number) => boolean {
  const gamma = tensor(model, node.inputs[1]).data;
  const y = channels.base(node.outputs[0]);
  return (made) => gamma[made - y] !== 0;
}
