/**
 * The answers that many operators share. A rule names each of them: whoever writes a rule says that this is how the
 * operator behaves, and nothing is assumed of one that says nothing.
 */

import type { Node } from "../../graph/types.ts";
import { activations } from "./operands.ts";
import type { Fact, Link, LinkedRule, NumberedGraph, PlacedGraph } from "./types.ts";

export const ELSEWHERE = "whose channels stand along another axis";

/** Channels stay on the axis on which they are read. */
export function sameAxis(node: Node, { shapes, axes }: PlacedGraph): number {
  const [y] = node.outputs;
  const read = node.inputs.filter((name) => axes.has(name));
  const made = shapes.get(y)!;
  // A gate has fewer axes than what it gates, or is of size 1 along some.
  const x = read.find((name) => shapes.get(name)!.join() === made.join()) ??
    read.find((name) => shapes.get(name)!.length === made.length) ?? read[0];
  return axes.get(x)!;
}

/** It works along axis 1: where the channels stand elsewhere, it mixes them or their positions. */
export function wholeUnlessAxis1(node: Node, { channels }: NumberedGraph): string | undefined {
  return channels.axis(node.outputs[0]) === 1 ? undefined : ELSEWHERE;
}

/** Its operands have to agree on where the channels stand; one of a single channel is the same for all of them. */
export function wholeUnlessAligned(node: Node, { shapes, channels }: NumberedGraph): string | undefined {
  const [y] = node.outputs;
  const axis = channels.axis(y);
  const isSpread = (x: string) => channels.width(x) === 1 && (shapes.get(x)![axis] ?? 1) === 1;
  const fits = (x: string) => channels.axis(x) === axis || isSpread(x);
  return activations(node, channels).every(fits) ? undefined : ELSEWHERE;
}

export const neverWhole = () => undefined;

/** Channel j is made of channel j of each operand; the only channel of an operand is spread over all. */
export function straightLinks(node: Node, { channels }: NumberedGraph, link: Link): void {
  const to = channels.base(node.outputs[0]);
  const count = channels.width(node.outputs[0]);
  for (let j = 0; j < count; j++) {
    for (const input of activations(node, channels)) {
      if (channels.width(input) === count) link(to + j, channels.base(input) + j, "tie");
      else link(to + j, channels.base(input), "spread");
    }
  }
}

/**
 * For operators that only move numbers or choose among them: a made channel is constant if all that it comes from is the
 * same constant. A channel that comes from nothing is `ofNothing`.
 */
export function joined(links: LinkedRule["links"], ofNothing: Fact = "varying"): LinkedRule["constants"] {
  return (node, numbered, factOf) => {
    const { channels } = numbered;
    const to = channels.base(node.outputs[0]);
    const made: (Fact | undefined)[] = new Array(channels.width(node.outputs[0])).fill(undefined);
    links(node, numbered, (y, x) => {
      const j = y - to;
      made[j] = meet(made[j], factOf(x));
    });
    return made.map((fact) => fact ?? ofNothing);
  };
}

/** What is known of a channel that comes from both. */
export function meet(a: Fact | undefined, b: Fact): Fact {
  if (a === undefined || a === b) return b;
  if (a === "varying" || b === "varying") return "varying";
  if (a === "unknown" || b === "unknown") return "unknown";
  return "varying";
}

export const needsAll: LinkedRule["needs"] = () => () => true;

/** It has no parameters, or none with an entry per channel. */
export const noParameterAxis: LinkedRule["parameterAxis"] = () => null;

/** Its parameters are [C], or [C, …]. */
export const firstParameterAxis: LinkedRule["parameterAxis"] = () => 0;

/** The node stays as it is, with its parameters cut to the channels that it still makes. */
export const keptAsItIs: LinkedRule["rewrite"] = (node, emission) => emission.keepNode(node);
