import type { Graph } from "../../graph/types.ts";
import { forEachElement } from "../structures/elements.ts";
import type { Grouping, Member } from "../structures/types.ts";
import type { Criterion } from "./types.ts";

/**
 * |γ| of the batch norms that a filter's channel passes, summed where coupled filters pass several (Liu et al. 2017, "Learning
 * Efficient Convolutional Networks through Network Slimming"). Layers without a batch norm can't be scored so.
 */
export const bnScale: Criterion = {
  name: "bn-scale",
  summary: "|γ| of the batch norm behind a filter",
  source: "Liu et al. 2017, arXiv 1708.06519",
  needs: ["weights"],
  labels: false,
  refusal(groups, graph) {
    const norms = scales(groups, graph);
    if (norms.length === 0) return "no batch norm follows it, whose γ would say what its filters are worth";
    const covered = new Uint8Array(groups.groups);
    for (const member of norms) forEachElement(member, groups.groups, (group) => covered[group] = 1);
    return covered.includes(0) ? "some of its filters pass no batch norm, and have no γ to compare" : undefined;
  },
  score(groups, { model }) {
    const sums = new Float64Array(groups.groups);
    for (const member of scales(groups, model.graph)) {
      const { data } = model.params.get(member.param)!;
      forEachElement(member, groups.groups, (group, element) => sums[group] += Math.abs(data[element]));
    }
    return sums;
  },
};

/** Of the groups' vectors the γ of batch norms. */
function scales({ members }: Grouping, graph: Graph): Member[] {
  const roleOf = (name: string) => graph.params[name]?.role;
  // Of all norms batch norms alone have running statistics.
  const norms = graph.nodes.filter(({ inputs }) => inputs.some((name) => roleOf(name) === "variance"));
  const gammas = new Set(norms.flatMap(({ inputs }) => inputs.filter((name) => roleOf(name) === "gamma")));
  return members.filter(({ param }) => gammas.has(param));
}
