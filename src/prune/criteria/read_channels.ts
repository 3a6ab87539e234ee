/** Which channels of which values groups are about: what criteria that look at activations ask for, and add up. */
import { inferShapes } from "../../graph/infer.ts";
import type { Graph } from "../../graph/types.ts";
import type { ValueChannels } from "../../train/evidence/evidence.ts";
import { dependencyGraph } from "../groups/dependency_graph.ts";
import { firstChannel, type Layer } from "../rules/layer_view.ts";
import { ruleOf } from "../rules/table.ts";
import { forEachElement } from "../structures/elements.ts";
import type { Constraint, Member } from "../structures/types.ts";

/** A layer that reads channels which groups are about. */
export interface ReadChannels {
  /** Its weight, as the groups have it. */
  readonly member: Member;
  readonly layer: Layer;
  /** What it reads, and where the channels stand in it. */
  readonly read: Required<ValueChannels>;
}

/** For filters the layers behind that read their channels; for all other groups the layer whose weights they are. */
export function readChannels(groups: Constraint, graph: Graph): ReadChannels[] {
  const { kind, members, readers } = groups;
  const reading = kind === "filter" ? readers : members.filter(({ role }) => role === "weight");
  const shapes = inferShapes(graph);
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const layers = [...dependencyGraph(graph).layers.values()];
  return reading.flatMap((member) =>
    layers.filter(({ weight }) => weight === member.param).map((layer) => {
      const node = nodes.get(layer.node.name)!;
      const rule = ruleOf(node, graph);
      if (rule.kind !== "layer") throw new Error(`${node.op} "${node.name}" is no layer`);
      return { member, layer, read: { value: node.inputs[0], axis: rule.readAxis(node, shapes) } };
    })
  );
}

/** Why nothing can be said of what reads these groups' channels; undefined where something can. */
export function nothingReads(groups: Constraint, graph: Graph): string | undefined {
  return readChannels(groups, graph).length === 0 ? "no layer reads its channels" : undefined;
}

/** Calls `visit(group, element, channel)` for each weight of the layer that is in a group: `channel` is the one of x that it reads. */
export function forEachRead(
  { member, layer }: ReadChannels,
  groups: number,
  visit: (group: number, element: number, channel: number) => void,
): void {
  const channelOf = channelReader(layer);
  forEachElement(member, groups, (group, element) => visit(group, element, channelOf(element)));
}

/** Place of a weight in its tensor -> the channel of x that it reads. */
function channelReader(layer: Layer): (element: number) => number {
  const { axes, filters, size, rowLength, columnAt } = layer;
  if (axes.filter === 1) return (element) => Math.floor(element / (size * filters / layer.group));
  const columns = columnAt ? keptColumns(columnAt) : undefined;
  return (element) => {
    const column = element % rowLength;
    const local = Math.floor((columns ? columns[column] : column) / size);
    return firstChannel(layer, Math.floor(element / rowLength)) + local;
  };
}

/** Of a layer of which columns are gone: the column that stands at each place of a row. */
function keptColumns(columnAt: Int32Array): Int32Array {
  const columns = new Int32Array(columnAt.reduce((count, at) => count + (at >= 0 ? 1 : 0), 0));
  columnAt.forEach((at, column) => {
    if (at >= 0) columns[at] = column;
  });
  return columns;
}
