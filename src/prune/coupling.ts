/**
 * Which filters can only go together (docs/pipeline.md). Tied channels (atoms.ts) form units: filter j of a
 * convolution, the channels it becomes down the stream, filter j of whatever is added to it. Layers that share units form
 * a class. Offsets come by themselves: behind a Concat two layers have classes of their own, and where a Pad widens a
 * shortcut (option A), the narrow stage's filters are units of the wide one, some places on.
 */

import { isOpaque, isStatistic } from "../graph/roles.ts";
import type { Graph } from "../graph/types.ts";
import { type Anatomy, anatomyOf } from "./anatomy.ts";
import { forEachLink } from "./atoms.ts";
import { DisjointSets } from "./disjoint-sets.ts";
import { activations } from "./layout.ts";
import type { Linear } from "./linear.ts";

/** A tensor whose entry i along axis 0 belongs to unit offset + i of the class, if there is such a unit. */
export interface Coupled {
  readonly node: string;
  readonly param: string;
  readonly offset: number;
}

export interface CoupledClass {
  /** The name of its first layer. */
  readonly id: string;
  /** Units: how many filters can be chosen among. */
  readonly size: number;
  /** Layers whose filters the units are, by weight. */
  readonly producers: readonly Coupled[];
  /** Biases, γ, β and tables that go with them. */
  readonly vectors: readonly Coupled[];
  /** Layers that read the units' channels, by node name. */
  readonly consumers: readonly string[];
  /**
   * Those of them whose input channels follow the units in a row, `fold` channels to a unit (more than 1 behind a Flatten):
   * input channel j reads unit offset + ⌊j / fold⌋, or none of this class where that is outside.
   */
  readonly readers: readonly (Coupled & { readonly fold: number })[];
  readonly prunable: boolean;
  /** Why it isn't prunable. */
  readonly why?: string;
}

/** The classes of a graph in order of execution; each Conv, Gemm and ColumnConv is a producer in exactly one. */
export function coupledClasses(graph: Graph): CoupledClass[] {
  const anatomy = anatomyOf(graph);
  const { atoms } = anatomy;
  const linears = [...anatomy.linears.values()];
  const units = tiedUnits(anatomy);
  const layers = new DisjointSets(linears.length);
  const owner = new Map<number, number>();
  linears.forEach((linear, i) => {
    for (let f = 0; f < linear.filters; f++) {
      const unit = units.find(atoms.base(linear.y) + f);
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
  const { atoms } = anatomy;
  const placed = place(anatomy, units, linears);
  const mine = new Set(linears.flatMap(({ y, filters }) => filterUnits(anatomy, units, y, filters)));
  const why = [...mine].map((unit) => blocked.get(unit)).find((reason) => reason !== undefined) ??
    (typeof placed === "string" ? placed : undefined);
  const positions = typeof placed === "string" ? new Map<number, number>() : placed;
  const vectors = why === undefined ? vectorsOf(anatomy, units, positions) : [];
  const reads = (x: string) =>
    Array.from({ length: atoms.width(x) }, (_, j) => units.find(atoms.base(x) + j)).some((unit) => mine.has(unit));
  const irregular = vectors === undefined ? "its channels spread irregularly over a per-channel parameter" : undefined;
  const reason = why ?? irregular;
  return {
    id: linears[0].node.name,
    size: mine.size,
    producers: linears.map(({ node, weight, y }) => ({
      node: node.name,
      param: weight,
      offset: positions.get(units.find(atoms.base(y))) ?? 0,
    })),
    vectors: vectors ?? [],
    consumers: [...anatomy.linears.values()].filter(({ x }) => reads(x)).map(({ node }) => node.name),
    readers: reason === undefined ? readersOf(anatomy, units, positions) : [],
    prunable: reason === undefined,
    ...(reason === undefined ? {} : { why: reason }),
  };
}

/**
 * Ties, and the two sides of a depthwise convolution; a Gather's channels go with those they copy. Opaque nodes tie none:
 * what they read and make is blocked.
 */
function tiedUnits({ graph, shapes, atoms, linears }: Anatomy): DisjointSets {
  const units = new DisjointSets(atoms.total);
  for (const node of graph.nodes) {
    if (!isOpaque(node)) forEachLink(node, graph, shapes, atoms, (made, read) => units.join(made, read));
  }
  for (const linear of linears.values()) {
    if (!isDepthwise(linear)) continue;
    for (let j = 0; j < linear.channels; j++) units.join(atoms.base(linear.x) + j, atoms.base(linear.y) + j);
  }
  return units;
}

function isDepthwise({ group, channels, filters }: Linear): boolean {
  return group > 1 && group === channels && group === filters;
}

/** Units that must stay whole, and why. */
function blockedUnits({ graph, atoms, linears }: Anatomy, units: DisjointSets): Map<number, string> {
  const blocked = new Map<number, string>();
  const block = (value: string, why: string) => {
    for (let j = 0; j < atoms.width(value); j++) {
      const unit = units.find(atoms.base(value) + j);
      if (!blocked.has(unit)) blocked.set(unit, why);
    }
  };
  graph.outputs.forEach((name) => block(name, `it makes the output "${name}"`));
  graph.inputs.forEach(({ name }) => block(name, `it is tied to the input "${name}"`));
  for (const node of graph.nodes.filter(isOpaque)) {
    const why = `it flows through ${node.op} "${node.name}", from which no channel can go alone`;
    [...activations(node, atoms), node.outputs[0]].forEach((name) => block(name, why));
  }
  for (const linear of linears.values()) {
    if (linear.group === 1 || isDepthwise(linear)) continue;
    const why = `its groups must stay of equal size ("${linear.node.name}" has ${linear.group})`;
    block(linear.x, why);
    block(linear.y, why);
  }
  return blocked;
}

/** Position of each unit, so that every layer's filters stand in a row; or why they can't. */
function place(anatomy: Anatomy, units: DisjointSets, linears: readonly Linear[]): Map<number, number> | string {
  const positions = new Map<number, number>();
  const widest = linears.reduce((a, b) => b.filters > a.filters ? b : a);
  const waiting = new Set(linears);
  let next: { linear: Linear; offset: number } | undefined = { linear: widest, offset: 0 };
  while (next) {
    const { linear, offset } = next;
    waiting.delete(linear);
    const row = filterUnits(anatomy, units, linear.y, linear.filters);
    if (new Set(row).size < row.length) return `filters of "${linear.node.name}" are tied to each other`;
    for (const [f, unit] of row.entries()) {
      const known = positions.get(unit);
      if (known !== undefined && known !== offset + f) return `"${linear.node.name}" meets the stream in another order`;
      positions.set(unit, offset + f);
    }
    next = undefined;
    for (const linear of waiting) {
      const row = filterUnits(anatomy, units, linear.y, linear.filters);
      const f = row.findIndex((unit) => positions.has(unit));
      if (f >= 0) next = { linear, offset: positions.get(row[f])! - f };
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

function filterUnits({ atoms }: Anatomy, units: DisjointSets, value: string, count: number): number[] {
  return Array.from({ length: count }, (_, f) => units.find(atoms.base(value) + f));
}

/** Layers whose input channels follow the units in a row. Others read them too, but not in a way that a stride can say. */
function readersOf(
  { atoms, linears }: Anatomy,
  units: DisjointSets,
  positions: ReadonlyMap<number, number>,
): CoupledClass["readers"] {
  return [...linears.values()].flatMap((linear) => {
    const at = filterUnits({ atoms } as Anatomy, units, linear.x, linear.channels).map((unit) => positions.get(unit));
    const first = at.findIndex((position) => position !== undefined);
    if (first < 0 || linear.group > 1 || linear.columnAt) return [];
    const end = at.findIndex((position, j) => j > first && position !== at[first]);
    const fold = (end < 0 ? at.length : end) - first;
    const offset = at[first]! - Math.floor(first / fold);
    const follows = at.every((position, j) => {
      const unit = offset + Math.floor(j / fold);
      return position === (unit >= 0 && unit < positions.size ? unit : undefined);
    });
    return follows && linear.channels % fold === 0
      ? [{ node: linear.node.name, param: linear.weight, offset, fold }]
      : [];
  });
}

/** Per-channel parameters of the class; undefined if one of them doesn't follow the units in a row. */
function vectorsOf(
  { graph, atoms }: Anatomy,
  units: DisjointSets,
  positions: ReadonlyMap<number, number>,
): Coupled[] | undefined {
  const vectors: Coupled[] = [];
  for (const node of graph.nodes) {
    const params = node.inputs.filter((name) => {
      const role = graph.params[name]?.role;
      const weight = role === "weight" && node.op !== "Mul";
      return role !== undefined && !weight && !isStatistic(role);
    });
    if (params.length === 0) continue;
    const y = node.outputs[0];
    const at = filterUnits({ atoms } as Anatomy, units, y, atoms.width(y)).map((unit) => positions.get(unit));
    const offsets = new Set(at.flatMap((position, j) => position === undefined ? [] : [position - j]));
    for (const offset of offsets) {
      const follows = at.every((position, j) => {
        const inside = offset + j >= 0 && offset + j < positions.size;
        return !inside || position === offset + j;
      });
      if (!follows) return undefined;
      vectors.push(...params.map((param) => ({ node: node.name, param, offset })));
    }
  }
  return vectors;
}
