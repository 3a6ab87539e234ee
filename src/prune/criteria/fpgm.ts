import { forEachElement } from "../structures/elements.ts";
import type { Constraint } from "../structures/types.ts";
import type { Criterion } from "./types.ts";

/**
 * Σ over the other filters of ‖F − Fₖ‖₂: a filter near to the others, their geometric median, is the one they can stand for (He
 * et al. 2019, "Filter Pruning via Geometric Median"). Filters are all weights of a group in a row, as they are: coupled
 * layers' filters one behind the other.
 */
export const fpgm: Criterion = {
  name: "fpgm",
  summary: "distance of a filter from all others of its layer",
  source: "He et al. 2019, arXiv 1811.00250",
  needs: ["weights"],
  labels: false,
  refusal: ({ kind }) => kind === "filter" ? undefined : "distances from each other are measured for filters alone",
  score(groups, { model }) {
    const rows = filters(groups, (param) => model.params.get(param)!.data);
    return Float64Array.from(rows, (row) =>
      // What is empty is gone: it scores lowest, however far from the others it lies.
      row.every((w) => w === 0) ? 0 : rows.reduce((sum, other) => sum + distance(row, other), 0));
  },
};

/** Of each group all its weights, in one order for all groups. */
function filters({ members, groups }: Constraint, dataOf: (param: string) => Float32Array): number[][] {
  const rows = Array.from({ length: groups }, (): number[] => []);
  for (const member of members) {
    if (member.role !== "weight") continue;
    const data = dataOf(member.param);
    forEachElement(member, groups, (group, element) => rows[group].push(data[element]));
  }
  return rows;
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - (b[i] ?? 0)) ** 2, 0));
}
