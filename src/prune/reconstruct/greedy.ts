/** Which groups go, by what it costs to do without them: one after the other, and then by swaps. */
import type { Elimination } from "./elimination.ts";

/** Groups in the order in which they have gone. */
export interface Gone {
  readonly order: readonly number[];
  /** By how much each has raised the error. */
  readonly costs: readonly number[];
}

/** Takes the group of the lowest cost out, again and again, until `keep` are left. */
export function greedyBackward(elimination: Elimination, keep: number): Gone {
  const order: number[] = [], costs: number[] = [];
  for (let left = count(elimination.kept); left > keep; left--) {
    const { group, cost } = best(elimination, groupsIn(elimination), "least");
    elimination.toggle(group);
    order.push(group);
    costs.push(cost);
  }
  return { order, costs };
}

/**
 * All groups in the order in which they go where `keep` are to be left: first those that greedy choice and swaps take out, the one
 * of the lowest cost first, then the others.
 *
 * @param create makes an elimination in which all groups are in the fit
 */
export function eliminationOrder(create: () => Elimination, keep: number): Gone {
  const elimination = create();
  const greedy = greedyBackward(elimination, keep);
  const first = improveBySwaps(elimination) > 0 ? goneAmong(create(), groupsOut(elimination)) : greedy;
  const rest = greedyBackward(elimination, 0);
  return { order: [...first.order, ...rest.order], costs: [...first.costs, ...rest.costs] };
}

/** Takes these groups out, that of the lowest cost first. */
function goneAmong(elimination: Elimination, groups: readonly number[]): Gone {
  const order: number[] = [], costs: number[] = [];
  for (const left = new Set(groups); left.size > 0;) {
    const { group, cost } = best(elimination, left, "least");
    elimination.toggle(group);
    left.delete(group);
    order.push(group);
    costs.push(cost);
  }
  return { order, costs };
}

/** The same where somebody else has put them into an order. */
export function goneAlong(elimination: Elimination, order: readonly number[]): Gone {
  const costs = order.map((group) => {
    const cost = elimination.cost(group);
    elimination.toggle(group);
    return cost;
  });
  return { order, costs };
}

/**
 * The `keep` groups that leave the least error, as far as greedy choice and swaps find them.
 *
 * @returns them, ascending, and the error ½ E‖y − ŷ‖²
 */
export function chooseGroups(
  elimination: Elimination,
  keep: number,
): { readonly kept: readonly number[]; readonly error: number } {
  const { costs } = greedyBackward(elimination, keep);
  const error = costs.reduce((sum, cost) => sum + cost, 0) - improveBySwaps(elimination);
  return { kept: groupsIn(elimination), error };
}

const ROUNDS = 20;
/** Groups that change places in one round at most: more rarely help, and each is a pass over all moments. */
const MOST_SWAPPED = 8;
/** Of the lowest cost: so many are tried to be swapped alone, for the group to be replaced isn't always the cheapest. */
const TRIED = 16;

/**
 * Takes some more groups out, those of the lowest cost, and puts as many back, those that lower the error most; where that
 * doesn't help it goes back and tries half as many, and single groups in the end, for 20 rounds at most. As many groups stay as
 * before.
 *
 * @returns by how much the error has fallen
 */
function improveBySwaps(elimination: Elimination): number {
  const { kept } = elimination;
  const stay = count(kept);
  let size = Math.min(MOST_SWAPPED, stay, kept.length - stay);
  let gained = 0;
  for (let round = 0; round < ROUNDS && size > 0; round++) {
    const found = size > 1 ? swapped(elimination, size) : swappedAlone(elimination);
    gained += found;
    if (found === 0) size = Math.floor(size / 2);
  }
  return gained;
}

/** By how much the error falls where so many change places; 0 where it doesn't, and they haven't. */
function swapped(elimination: Elimination, size: number): number {
  const moved: number[] = [];
  let gain = 0;
  for (const [candidates, which] of [[groupsIn, "least"], [groupsOut, "most"]] as const) {
    for (let i = 0; i < size; i++) {
      const { group, cost } = best(elimination, candidates(elimination), which);
      elimination.toggle(group);
      moved.push(group);
      gain += which === "least" ? -cost : cost;
    }
  }
  if (gain > 0 && new Set(moved).size > size) return gain;
  for (const group of moved.reverse()) elimination.toggle(group);
  return 0;
}

/** The same of the first group that has one to be replaced by, among those of the lowest cost. */
function swappedAlone(elimination: Elimination): number {
  const costs = groupsIn(elimination).map((group) => ({ group, cost: elimination.cost(group) }));
  for (const { group, cost } of costs.sort((a, b) => a.cost - b.cost).slice(0, TRIED)) {
    elimination.toggle(group);
    const other = best(elimination, groupsOut(elimination), "most");
    elimination.toggle(other.group);
    if (other.group !== group && other.cost > cost) return other.cost - cost;
    elimination.toggle(other.group);
    elimination.toggle(group);
  }
  return 0;
}

/** Among candidates, ties to the first of them. */
function best(
  elimination: Elimination,
  candidates: Iterable<number>,
  which: "least" | "most",
): { group: number; cost: number } {
  let found = { group: -1, cost: NaN };
  for (const group of candidates) {
    const cost = elimination.cost(group);
    if (found.group < 0 || (which === "least" ? cost < found.cost : cost > found.cost)) found = { group, cost };
  }
  return found;
}

/** Those in the fit, ascending. */
function groupsIn({ kept }: Elimination): number[] {
  return Array.from(kept.keys()).filter((group) => kept[group]);
}

/** Those that are out, ascending. */
function groupsOut({ kept }: Elimination): number[] {
  return Array.from(kept.keys()).filter((group) => !kept[group]);
}

function count(kept: Uint8Array): number {
  return kept.reduce((sum, one) => sum + one, 0);
}
