/**
 * Sums whose branch keeps fewer channels than its stream (Tessier et al., arXiv 2206.06247). As a rule both operands of an Add
 * keep the same channels; here the branch's constant ones go nevertheless, and what is left is scattered to its places in
 * the stream: a zero channel behind it (Pad), from which a Gather takes what is missing. The constants go into a bias. The
 * copies cost time, so whether it pays is measured (scatter_choice.ts).
 */

import { identityMap } from "../../graph/indexmap.ts";
import { consumers, freshName, takenNames } from "../../graph/names.ts";
import { isSum } from "../../graph/roles.ts";
import type { HostTensor, Model, Node, ParamSpec, Rewrite } from "../../graph/types.ts";
import { weigh, type WeighedGraph } from "../groups/dependency_graph.ts";
import { inPrecisionOf } from "../rules/emission.ts";
import { range } from "../rules/operands.ts";
import type { Constants } from "../rules/types.ts";
import { constants } from "./constant_propagation.ts";

/** A sum that can be rewritten: its name, and how many channels of its branch are constant. */
export interface ScatterCandidate {
  readonly name: string;
  readonly constant: number;
  readonly channels: number;
}

/** Sums of images of which one operand, that nobody else reads, is constant in some channels but not in all. */
export function scatterCandidates(model: Model): ScatterCandidate[] {
  const dependencies = weigh(model);
  const known = constants(dependencies);
  return model.graph.nodes.flatMap((node) => {
    const branch = branchOf(dependencies, known, node);
    if (!branch) return [];
    const constant = branch.values.filter((v) => v !== undefined).length;
    return [{ name: node.name, constant, channels: branch.values.length }];
  });
}

/** Rewrites the sums of these names. It saves nothing itself: `compact` then takes away what nobody reads any more. */
export function scatterAdds(model: Model, names: ReadonlySet<string>): Rewrite {
  const dependencies = weigh(model);
  const known = constants(dependencies);
  const taken = takenNames(model.graph);
  const specs: Record<string, ParamSpec> = { ...model.graph.params };
  const params = new Map<string, HostTensor>(model.params);
  const nodes = model.graph.nodes.flatMap((node): Node[] => {
    const branch = names.has(node.name) ? branchOf(dependencies, known, node) : undefined;
    if (!branch) return [node];
    const { operand, values } = branch;
    const [padded, scattered] = ["padded", "scattered"].map((kind) => freshName(taken, `${node.name}.${kind}`));
    const indices = values.map((v, j) => v === undefined ? j : values.length);
    const plain = values.every((v) => v === undefined || v === 0);
    const [y] = node.outputs;
    const sum = plain ? y : freshName(taken, `${y}.inner`);
    const made: Node[] = [
      { name: padded, op: "Pad", inputs: [operand], outputs: [padded], attrs: { pads: [0, 0, 0, 0, 0, 1, 0, 0] } },
      { name: scattered, op: "Gather", inputs: [padded], outputs: [scattered], attrs: { axis: 1, indices } },
      { ...node, inputs: node.inputs.map((name) => name === operand ? scattered : name), outputs: [sum] },
    ];
    if (plain) return made;
    const table = freshName(taken, `${node.name}.table`);
    const shape = [values.length, 1, 1];
    specs[table] = { shape, role: "table" };
    params.set(table, inPrecisionOf(model.params, shape, Float64Array.from(values, (v) => v ?? 0)));
    const [, , height, width] = dependencies.shapes.get(y)! as number[];
    const attrs = { rows: range(height).map(() => 0), cols: range(width).map(() => 0) };
    const border = freshName(taken, `${node.name}.constants`);
    return [...made, { name: border, op: "BorderBias", inputs: [sum, table], outputs: [y], attrs }];
  });
  const graph = { ...model.graph, nodes, params: specs };
  return { model: { graph, params }, map: identityMap(model.graph) };
}

/** The operand that is constant in the most channels, and its constants. */
function branchOf(
  { graph, shapes, channels }: WeighedGraph,
  known: Constants,
  node: Node,
): { operand: string; values: (number | undefined)[] } | undefined {
  const { inputs, outputs: [y] } = node;
  if (!isSum(node) || inputs[0] === inputs[1] || shapes.get(y)!.length !== 4) return undefined;
  const readers = consumers(graph);
  const branches = inputs.flatMap((operand) => {
    const same = shapes.get(operand)?.join() === shapes.get(y)!.join();
    if (!same || channels.axis(operand) !== 1 || readers.get(operand)!.length > 1 || isGiven(operand)) return [];
    const values = range(channels.width(operand)).map((j) => known.valueOf(channels.base(operand) + j));
    return [{ operand, values, constant: values.filter((v) => v !== undefined).length }];
  });
  const [best] = branches.sort((a, b) => b.constant - a.constant);
  return best && best.constant > 0 && best.constant < best.values.length ? best : undefined;

  function isGiven(name: string): boolean {
    return graph.outputs.includes(name) || graph.inputs.some((input) => input.name === name);
  }
}
