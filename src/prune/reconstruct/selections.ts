/** The ways in which reconstruction chooses what goes. */
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
  /** All groups, in the order in which they would go one by one, and by how much each raises the error. */
  order(readers: readonly Reader[]): Gone;
  /** The groups that stay, ascending. */
  kept(readers: readonly Reader[], keep: number): readonly number[];
}

const obs: Selection = {
  name: "obs",
  summary: "those whose loss the others make up for best, by greedy choice and swaps",
  order: (readers) => greedyBackward(createElimination(readers), 0),
  kept: (readers, keep) => chooseGroups(createElimination(readers), keep).kept,
};

const thinet: Selection = {
  name: "thinet",
  summary: "those that add least to what layers make, together",
  order: (readers) => goneAlong(createElimination(readers), orderOf(readers)),
  kept: (readers, keep) => orderOf(readers).slice(-keep).sort((a, b) => a - b),
};

const lasso: Selection = {
  name: "lasso",
  summary: "those whose coefficients a LASSO makes 0",
  // Its choices for different counts needn't contain each other.
  order: obs.order,
  kept: (readers, keep) => lassoKept(contributions(readers), keep),
};

/** By name. */
export const SELECTIONS: ReadonlyMap<string, Selection> = new Map([obs, thinet, lasso].map((one) => [one.name, one]));

/** Any other criterion's: the groups of the lowest scores go. */
export function selectionBy({ name, summary }: Pick<Selection, "name" | "summary">, scores: Float64Array): Selection {
  const order = Array.from(scores.keys()).sort((a, b) => scores[a] - scores[b] || b - a);
  return {
    name,
    summary,
    order: (readers) => goneAlong(createElimination(readers), order),
    kept: (_, keep) => order.slice(-keep).sort((a, b) => a - b),
  };
}

function orderOf(readers: readonly Reader[]): number[] {
  return thinetOrder(contributions(readers), readers[0].groups.length);
}
