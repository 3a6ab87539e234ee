/**
 * What a network costs as a sum of products: a weight whose rows go with one constraint and whose columns with another costs what
 * stays of its rows times what stays of its columns. It is there for searches that ask for thousands of prices; `pricing` says
 * what a choice really costs.
 */
import { type GraphCost, graphCost } from "../../graph/cost.ts";
import { isStatistic } from "../../graph/roles.ts";
import type { Graph, Node } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { forEachElement } from "../structures/elements.ts";
import type { Constraint, Member } from "../structures/types.ts";

/** A part of the cost: `factor` times what stays of it by each of these constraints. */
export interface CostTerm {
  /** As a fraction of the whole network's cost. */
  readonly factor: number;
  /** None where nothing takes the part away. */
  readonly of: readonly Share[];
}

/** What stays of a weight's rows, or columns, by one constraint. */
export interface Share {
  /** Place of the constraint. */
  readonly at: number;
  /** For each number of groups that stay, from 0 to all: in 0…1, never falling. Groups of a stream may be missing in some of its layers. */
  readonly kept: ArrayLike<number>;
}

/** What these terms cost where the constraints keep so many of their groups. */
export function costOfTerms(terms: readonly CostTerm[], keep: readonly number[]): number {
  let sum = 0;
  for (const { factor, of } of terms) {
    let product = factor;
    for (const { at, kept } of of) product *= kept[keep[at]];
    sum += product;
  }
  return sum;
}

/**
 * The multiply-adds of layers, or the parameters, by whole filters that go. Attention's products, and constants that
 * compaction moves, aren't known to it: they count as if nothing took them away.
 *
 * @param ranked for each constraint its groups, the one that goes last first
 */
export function productCosts(
  graph: Graph,
  constraints: readonly Constraint[],
  ranked: readonly (readonly number[])[],
  of: "macs" | "params",
): CostTerm[] {
  const cost = graphCost(graph);
  const costOfEach = (name: string) => ({ macs: macsOfEach, params: numbersOfEach })[of](graph, cost, name);
  const rows = partsOf(constraints, ({ members }) => members);
  const columns = partsOf(constraints, (constraint) => constraint.readers);
  const whole = cost[of];
  let left = whole;
  const terms: CostTerm[] = [];
  for (const name of new Set([...rows.keys(), ...columns.keys()])) {
    const size = elements(graph.params[name].shape);
    const each = costOfEach(name);
    if (each === 0) continue;
    const share = ({ at, member }: Part): Share => ({ at, kept: keptShare(member, ranked[at]) });
    for (const { count, parts } of combinations(size, rows.get(name) ?? [], columns.get(name) ?? [])) {
      terms.push({ factor: count * each / whole, of: parts.map(share) });
      left -= count * each;
    }
  }
  return [...terms, { factor: left / whole, of: [] }];
}

/** Multiply-adds for each number of a weight. */
function macsOfEach(graph: Graph, { nodes }: GraphCost, name: string): number {
  const { shape, role } = graph.params[name];
  if (role !== "weight") return 0;
  return readersOf(graph, name).reduce((sum, node) => sum + nodes.get(node.name)!.macs, 0) / elements(shape);
}

/** Numbers that go with each of a parameter's: a batch norm's running statistics go with its γ. */
function numbersOfEach(graph: Graph, _cost: GraphCost, name: string): number {
  if (graph.params[name].role !== "gamma") return 1;
  const statistics = readersOf(graph, name).flatMap(({ inputs }) =>
    inputs.filter((input) => graph.params[input] && isStatistic(graph.params[input].role))
  );
  return 1 + new Set(statistics).size;
}

function readersOf(graph: Graph, name: string): Node[] {
  return graph.nodes.filter(({ inputs }) => inputs.includes(name));
}

/** A constraint's part of a parameter. */
interface Part {
  readonly at: number;
  readonly groups: number;
  readonly member: Member;
}

function partsOf(
  constraints: readonly Constraint[],
  list: (constraint: Constraint) => readonly Member[],
): Map<string, Part[]> {
  const found = new Map<string, Part[]>();
  constraints.forEach((constraint, at) => {
    for (const member of list(constraint)) {
      const parts = found.get(member.param) ?? [];
      found.set(member.param, parts);
      parts.push({ at, groups: constraint.groups, member });
    }
  });
  return found;
}

/** The part of a member's numbers that is in the groups which stay longest, for each count of them. */
function keptShare(member: Member, ranked: readonly number[]): Float64Array {
  const sizes = new Float64Array(ranked.length);
  forEachElement(member, ranked.length, (group) => sizes[group]++);
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const kept = new Float64Array(ranked.length + 1);
  ranked.forEach((group, i) => kept[i + 1] = kept[i] + sizes[group] / all);
  return kept;
}

/** How many of a parameter's numbers go with each pair of parts, those that stay in any case left out. */
function combinations(
  size: number,
  rows: readonly Part[],
  columns: readonly Part[],
): { readonly count: number; readonly parts: readonly Part[] }[] {
  const [byRow, byColumn] = [rows, columns].map((parts) => {
    const owner = new Int32Array(size).fill(-1);
    parts.forEach(({ groups, member }, i) => forEachElement(member, groups, (_, element) => owner[element] = i));
    return owner;
  });
  const counts = new Map<number, number>();
  for (let element = 0; element < size; element++) {
    const key = (byRow[element] + 1) * (columns.length + 1) + byColumn[element] + 1;
    if (key > 0) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return Array.from(counts, ([key, count]) => {
    const row = rows[Math.floor(key / (columns.length + 1)) - 1], column = columns[key % (columns.length + 1) - 1];
    return { count, parts: [row, column].filter((part) => part !== undefined) };
  });
}
