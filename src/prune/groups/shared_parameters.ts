/**
 * Parameters that several nodes share. Where all of them cut a parameter along the same axes, the channels that its entries
 * stand for are tied, so that what goes goes for every one of them and the parameter stays one. Where they don't, these nodes
 * stay whole.
 */

import { consumers } from "../../graph/names.ts";
import type { Node } from "../../graph/types.ts";
import type { Layer } from "../rules/layer_view.ts";
import { type LinkedGraph, parameterAxis } from "./channels.ts";

export interface Sharing {
  /** Parameters that more than one node reads. */
  readonly shared: ReadonlySet<string>;
  /** Pairs of channels, by their numbers, of which both stay or both go. */
  readonly ties: readonly (readonly [number, number])[];
  /** As in the graph given, with the nodes that stay whole for what they share. */
  readonly whole: ReadonlyMap<string, string>;
}

/** @param layerOf a layer's view; undefined for other nodes */
export function sharedParameters(linked: LinkedGraph, layerOf: (node: Node) => Layer | undefined): Sharing {
  const readers = [...consumers(linked.graph)]
    .filter(([name, nodes]) => linked.graph.params[name] && nodes.length > 1);
  const whole = new Map(linked.whole);
  const cutsOf = (node: Node, name: string): Cuts =>
    whole.has(node.name) ? {} : cutsOfNode({ ...linked, whole }, node, layerOf(node), name);
  // A node that stays whole for one parameter may share another.
  for (let settled = false; !settled;) {
    settled = true;
    for (const [name, nodes] of readers) {
      const cuts = nodes.map((node) => textOf(cutsOf(node, name)));
      if (cuts.every((text) => text === cuts[0])) continue;
      settled = false;
      const reasons = nodes.map((_, i) => {
        const other = nodes[cuts.findIndex((text) => text !== cuts[i])];
        const why = whole.get(other.name) ?? "which reads it along other axes";
        return `which shares "${name}" with ${other.op} "${other.name}", ${why}`;
      });
      nodes.forEach(({ name }, i) => whole.has(name) || whole.set(name, reasons[i]));
    }
  }
  const ties = readers.flatMap(([name, [first, ...others]]) =>
    others.flatMap((node) => tiesOf(linked, cutsOf(first, name), cutsOf(node, name)))
  );
  return { shared: new Set(readers.map(([name]) => name)), ties, whole };
}

/** Axis of a parameter -> the value whose channels its entries stand for, and how. */
type Cuts = Readonly<Record<number, { readonly value: string; readonly how: string }>>;

function cutsOfNode(linked: LinkedGraph, node: Node, layer: Layer | undefined, name: string): Cuts {
  if (layer?.weight === name) {
    const how = `${layer.group} ${layer.columnAt ?? ""}`;
    return { [layer.axes.filter]: { value: layer.y, how }, [layer.axes.channel]: { value: layer.x, how } };
  }
  const axis = parameterAxis(linked, node, name);
  return axis === null ? {} : { [axis]: { value: node.outputs[0], how: "" } };
}

function textOf(cuts: Cuts): string {
  return Object.entries(cuts).map(([axis, { how }]) => `${axis} ${how}`).join();
}

function tiesOf({ channels }: LinkedGraph, a: Cuts, b: Cuts): (readonly [number, number])[] {
  return Object.keys(a).map(Number).flatMap((axis) => {
    const [first, second] = [a[axis].value, b[axis].value];
    return Array.from(
      { length: channels.width(first) },
      (_, j) => [channels.base(first) + j, channels.base(second) + j] as const,
    );
  });
}
