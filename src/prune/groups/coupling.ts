/**
 * Which filters can only go together (docs/pipeline.md). Tied channels (units.ts) form units: filter j of a convolution, the
 * channels it becomes down the stream, filter j of whatever is added to it; the filters of a head or of a group. Layers that
 * share units form a class. Offsets come by themselves: behind a Concat two layers have classes of their own, and where a
 * Pad widens a shortcut (option A), the narrow stage's filters are units of the wide one, some places on.
 */

import { isStatistic } from "../../graph/roles.ts";
import type { Graph } from "../../graph/types.ts";
import { type Anatomy, anatomyOf } from "./dependency_graph.ts";
import { parameterAxis } from "./axes.ts";
import { DisjointSets } from "./disjoint_sets.ts";
import type { Linear } from "./layers.ts";
import { type Row, rowsOf, unitsOf } from "./rows.ts";
import { blockedUnits, tiedUnits } from "./units.ts";

/** A tensor whose entries along an axis belong to units of the class. */
export interface Coupled extends Row {
  readonly node: string;
  readonly param: string;
  readonly axis: number;
}

export interface CoupledClass {
  /** The name of its first layer. */
  readonly id: string;
  /** Units: how many can be chosen among. */
  readonly size: number;
  /** Layers whose filters the units are, by weight. */
  readonly producers: readonly Coupled[];
  /** Biases, γ, β and tables that go with them. */
  readonly vectors: readonly Coupled[];
  /** Layers that read the units' channels, by node name. */
  readonly consumers: readonly string[];
  /** Those of them whose input channels follow the units in one row. */
  readonly readers: readonly Coupled[];
  readonly prunable: boolean;
  /** Why it isn't prunable. */
  readonly why?: string;
}

/** The classes of a graph in order of execution; each layer is a producer in exactly one. */
export function coupledClasses(graph: Graph): CoupledClass[] {
  const anatomy = anatomyOf(graph);
  const linears = [...anatomy.linears.values()];
  const units = tiedUnits(anatomy);
  const layers = new DisjointSets(linears.length);
  const owner = new Map<number, number>();
  linears.forEach((linear, i) => {
    for (const unit of unitsOfValue(anatomy, units, linear.y)) {
      if (owner.has(unit)) layers.join(i, owner.get(unit)!);
      else owner.set(unit, i);
    }
  });
  const blocked = blockedUnits(anatomy, units);
  const classes = Map.groupBy(linears.keys(), (i) => layers.find(i));
  return [...classes.values()].map((members) => describe(anatomy, units, blocked, members.map((i) => linears[i])));
}

function describe(
  anatomy: Anatomy,
  units: DisjointSets,
  blocked: ReadonlyMap<number, string>,
  linears: readonly Linear[],
): CoupledClass {
  const mine = new Set(linears.flatMap((linear) => unitsOfValue(anatomy, units, linear.y)));
  const consumers = [...anatomy.linears.values()].filter(({ x }) =>
    unitsOfValue(anatomy, units, x).some((unit) => mine.has(unit))
  );
  const placed = placedClass(anatomy, units, linears, consumers);
  const why = [...mine].map((unit) => blocked.get(unit)).find((reason) => reason !== undefined) ??
    (typeof placed === "string" ? placed : mine.size === 1 ? single(linears) : undefined);
  const whole = linears.map(({ node, weight, axes, filters }) => ({
    ...{ node: node.name, param: weight, axis: axes.filter, offset: 0, fold: 1, period: filters },
  }));
  return {
    id: linears[0].node.name,
    size: mine.size,
    ...(typeof placed === "string" ? { producers: whole, vectors: [], readers: [] } : placed),
    consumers: consumers.map(({ node }) => node.name),
    prunable: why === undefined,
    ...(why === undefined ? {} : { why }),
  };
}

function single(linears: readonly Linear[]): string {
  const filters = linears.reduce((most, linear) => Math.max(most, linear.filters), 0);
  return filters === 1 ? "it has one filter" : `all its ${filters} filters can only go together`;
}

/** Where the units of a class stand in its tensors; or why that can't be said. */
function placedClass(
  anatomy: Anatomy,
  units: DisjointSets,
  linears: readonly Linear[],
  consumers: readonly Linear[],
): Pick<CoupledClass, "producers" | "vectors" | "readers"> | string {
  const positions = place(anatomy, units, linears);
  if (typeof positions === "string") return positions;
  const rows = (value: string) => {
    const at = unitsOfValue(anatomy, units, value).map((unit) => positions.get(unit));
    return rowsOf(at, positions.size);
  };
  const vectors = vectorsOf(anatomy, rows);
  if (typeof vectors === "string") return vectors;
  return {
    producers: linears.map(({ node, weight, axes, y }) => ({
      ...{ node: node.name, param: weight, axis: axes.filter },
      ...rows(y)![0],
    })),
    vectors,
    readers: consumers.filter(({ group, columnAt }) => group === 1 && !columnAt).flatMap(
      ({ node, weight, axes, x }) => {
        const found = rows(x);
        return found?.length === 1 ? [{ node: node.name, param: weight, axis: axes.channel, ...found[0] }] : [];
      },
    ),
  };
}

/** Position of each unit, so that every layer's filters stand in a row; or why they can't. */
function place(anatomy: Anatomy, units: DisjointSets, linears: readonly Linear[]): Map<number, number> | string {
  const waiting = new Map<Linear, readonly number[]>();
  for (const linear of linears) {
    const row = unitsOf(unitsOfValue(anatomy, units, linear.y));
    if (!row) return `the filters of "${linear.node.name}" are tied to each other in no order`;
    waiting.set(linear, row.units);
  }
  const positions = new Map<number, number>();
  const widest = [...waiting].reduce((a, b) => b[1].length > a[1].length ? b : a)[0];
  let next: { linear: Linear; offset: number } | undefined = { linear: widest, offset: 0 };
  while (next) {
    const { linear, offset }: { linear: Linear; offset: number } = next;
    for (const [k, unit] of waiting.get(linear)!.entries()) {
      const known = positions.get(unit);
      if (known !== undefined && known !== offset + k) return `"${linear.node.name}" meets the stream in another order`;
      positions.set(unit, offset + k);
    }
    waiting.delete(linear);
    next = undefined;
    for (const [linear, row] of waiting) {
      const k = row.findIndex((unit) => positions.has(unit));
      if (k >= 0) next = { linear, offset: positions.get(row[k])! - k };
      if (next) break;
    }
  }
  const least = Math.min(...positions.values());
  for (const [unit, position] of positions) positions.set(unit, position - least);
  const distinct = new Set(positions.values());
  if (distinct.size < positions.size || Math.max(...distinct) >= positions.size) {
    return "its layers meet in an irregular order";
  }
  return positions;
}

/** Per-channel parameters of the class; or which of them doesn't follow the units. */
function vectorsOf(
  { graph, shapes, atoms, linears, whole }: Anatomy,
  rows: (value: string) => Row[] | undefined,
): Coupled[] | string {
  const vectors: Coupled[] = [];
  for (const node of graph.nodes) {
    if (whole.has(node.name)) continue;
    const y = node.outputs[0];
    for (const param of node.inputs) {
      const role = graph.params[param]?.role;
      if (role === undefined || isStatistic(role) || linears.get(node.name)?.weight === param) continue;
      const axis = parameterAxis(node, param, graph, shapes, atoms.axis(y));
      if (axis === null) continue;
      const found = rows(y);
      if (!found) return `its channels spread irregularly over "${param}"`;
      vectors.push(...found.map((row) => ({ node: node.name, param, axis, ...row })));
    }
  }
  return vectors;
}

function unitsOfValue({ atoms }: Anatomy, units: DisjointSets, value: string): number[] {
  return Array.from({ length: atoms.width(value) }, (_, j) => units.find(atoms.base(value) + j));
}
