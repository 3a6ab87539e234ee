/** The ways in which reconstruction chooses what goes. */
import type { Criterion } from "../criteria/types.ts";
import { alpsKept } from "./alps.ts";
import { contributions } from "./contributions.ts";
import { createElimination } from "./elimination.ts";
import { chooseGroups, type Gone, goneAlong, greedyBackward } from "./greedy.ts";
import { lassoKept } from "./lasso.ts";
import type { Reader } from "./reader.ts";
import { thinetOrder } from "./thinet.ts";

/** Chooses among the groups of layers by what these layers read. */
export interface Selection {
  /** By which recipes name it. */
  readonly name: string;
  /** One line for lists and help texts. */
  readonly summary: string;
  /** Where it is from: authors, year and where to read it. A criterion of one's own may have none. */
  readonly source?: string;
  /** All groups, in the order in which they would go one by one, and by how much each raises the error. */
  order(readers: readonly Reader[]): Gone;
  /** The groups that stay, ascending. */
  kept(readers: readonly Reader[], keep: number): readonly number[];
}

const obs: Selection = {
  name: "obs",
  summary: "those whose loss the others make up for best, by greedy choice and swaps",
  source: "Hassibi & Stork 1993, NIPS 5",
  order: (readers) => greedyBackward(createElimination(readers), 0),
  kept: (readers, keep) => chooseGroups(createElimination(readers), keep).kept,
};

const thinet: Selection = {
  name: "thinet",
  summary: "those that add least to what layers make, together",
  source: "Luo et al. 2017, arXiv 1707.06342",
  order: (readers) => goneAlong(createElimination(readers), orderOf(readers)),
  kept: (readers, keep) => orderOf(readers).slice(-keep).sort((a, b) => a - b),
};

const lasso: Selection = {
  name: "lasso",
  summary: "those whose coefficients a LASSO makes 0",
  source: "He et al. 2017, arXiv 1707.06168",
  // Its choices for different counts needn't contain each other.
  order: obs.order,
  kept: (readers, keep) => lassoKept(contributions(readers), keep),
};

const alps: Selection = {
  name: "alps",
  summary: "those that ADMM on the layers' error sets to 0",
  source: "Meng et al. 2024, arXiv 2406.07831",
  // As with the LASSO.
  order: obs.order,
  kept: alpsKept,
};

/** By name. */
export const SELECTIONS: ReadonlyMap<string, Selection> = new Map(
  [obs, thinet, lasso, alps].map((one) => [one.name, one]),
);

/** Any other criterion's: the groups of the lowest scores go. */
export function selectionBy({ name, summary, source }: Criterion, scores: Float64Array): Selection {
  const order = Array.from(scores.keys()).sort((a, b) => scores[a] - scores[b] || b - a);
  return {
    name,
    summary,
    ...source !== undefined && { source },
    order: (readers) => goneAlong(createElimination(readers), order),
    kept: (_, keep) => order.slice(-keep).sort((a, b) => a - b),
  };
}

function orderOf(readers: readonly Reader[]): number[] {
  return thinetOrder(contributions(readers), readers[0].groups.length);
}
