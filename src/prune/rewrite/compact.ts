/**
 * From a masked network to a physically smaller one that computes the same (docs/pipeline.md): channels that nobody
 * needs go, constants go into the biases of their readers, all-zero columns go by ColumnConv.
 */

import { type Cost, graphCost } from "../../graph/cost.ts";
import { compose, identityMap } from "../../graph/indexmap.ts";
import { isBorderTable } from "../../graph/roles.ts";
import type { Model, Rewrite } from "../../graph/types.ts";
import { validateModel } from "../../graph/validate.ts";
import { elements } from "../../tensor/tensor.ts";
import { dependencyGraph, weigh, type WeighedGraph } from "../groups/dependency_graph.ts";
import type { Constants } from "../rules/types.ts";
import { constants } from "./constant_propagation.ts";
import { emit } from "./emit.ts";
import { borderNodes, solveLayout } from "./layout.ts";
import { narrowHeads } from "./narrow_heads.ts";

/** What `compact` may do. */
export interface CompactOptions {
  /** Drop all-zero columns of convolutions and Gemms (default true). */
  readonly columns?: boolean;
  /**
   * A constant other than 0 that enters a zero-padded convolution: fold it into a table of biases per border region, or
   * keep its channel. Default: for each convolution what stores fewer numbers.
   */
  readonly border?: "table" | "keep";
}

/** How wide a layer was and is. */
export interface LayerWidth {
  /** The node's. */
  readonly name: string;
  /** Filters, and columns of its GEMM view. */
  readonly before: { readonly filters: number; readonly columns: number };
  /** Absent if the layer is gone. */
  readonly after?: { readonly filters: number; readonly columns: number };
}

/** What compaction has made of a network. */
export interface CompactReport {
  /** Of the network given. */
  readonly before: Cost;
  /** Of the new one. */
  readonly after: Cost;
  /** Filters and stored columns (C·KH·KW or kept taps) of each Conv, Gemm and ColumnConv. */
  readonly layers: readonly LayerWidth[];
  /** Channels of activations, summed over all values of the graph. */
  readonly channels: { readonly before: number; readonly after: number };
  /** Border tables that were made for constants at zero-padded borders (docs/pipeline.md). */
  readonly tables: number;
  /** Convolutions that now read only some columns. */
  readonly columnConvs: number;
  /** Rewrites until nothing more went. */
  readonly passes: number;
}

/**
 * The model's inputs and outputs keep their names and shapes. Folding is done in float64 and rounded once.
 *
 * @throws UserError when the graph isn't valid
 */
export function compact(model: Model, options: CompactOptions = {}): Rewrite & { readonly report: CompactReport } {
  let current: Rewrite = { model, map: identityMap(model.graph) };
  let passes = 0;
  const advance = (columns: boolean) => {
    const next = shrink(current.model, options, columns);
    const changed = !sameGraph(next.model, current.model);
    if (changed) {
      current = { model: next.model, map: compose(current.map, next.map, model.graph.params) };
      passes++;
    }
    return changed;
  };
  // A head's dimensions are no channels of their own: what they set free, and heads that are left, are seen in turn.
  const narrow = () => {
    const next = narrowHeads(current.model);
    if (next) {
      current = { model: next.model, map: compose(current.map, next.map, model.graph.params) };
      passes++;
    }
    return next !== undefined;
  };
  do while (advance(false)); while (narrow());
  // Columns last: a rewrite only finds zeros, so a ColumnConv sets free no channel that a Conv would not.
  if (options.columns ?? true) advance(true);
  validateModel(current.model);
  return { ...current, report: reportOf(model, current.model, passes) };
}

function shrink(model: Model, options: CompactOptions, columns: boolean): Rewrite {
  const dependencies = weigh(model);
  const known = constants(dependencies);
  const tables = chooseTables(dependencies, known, options);
  return emit(dependencies, known, solveLayout(dependencies, known, tables), columns);
}

/** Starts with a table wherever one is possible and gives up those that don't pay, one convolution after the other. */
function chooseTables(dependencies: WeighedGraph, known: Constants, { border }: CompactOptions): ReadonlySet<string> {
  const candidates = border === "keep" ? [] : borderNodes(dependencies, known);
  let chosen = new Set(candidates);
  if (border === "table" || candidates.length === 0) return chosen;
  const stored = (tables: ReadonlySet<string>) =>
    graphCost(emit(dependencies, known, solveLayout(dependencies, known, tables), false).model.graph).params;
  let least = stored(chosen);
  for (const trial of [[...candidates], ...candidates.map((name) => [name])]) {
    const without = new Set([...chosen].filter((name) => !trial.includes(name)));
    const count = stored(without);
    if (count < least) [chosen, least] = [without, count];
  }
  return chosen;
}

function sameGraph(a: Model, b: Model): boolean {
  const sorted = (record: object) => Object.entries(record).sort(([x], [y]) => x < y ? -1 : 1);
  const text = ({ graph }: Model) =>
    JSON.stringify([graph.nodes.map((node) => ({ ...node, attrs: sorted(node.attrs) })), sorted(graph.params)]);
  return text(a) === text(b);
}

function reportOf(before: Model, after: Model, passes: number): CompactReport {
  const costs = { before: graphCost(before.graph), after: graphCost(after.graph) };
  const measure = (model: Model) => {
    const { channels, layers, graph } = dependencyGraph(model.graph);
    const widths = new Map(
      [...layers].map(([name, { weight, filters }]) => {
        const columns = elements(graph.params[weight].shape) / filters;
        return [name, { filters, columns }] as const;
      }),
    );
    return { channels: channels.total, layers: widths };
  };
  const old = measure(before);
  const now = measure(after);
  return {
    ...costs,
    layers: Array.from(old.layers, ([name, width]) => ({ name, before: width, after: now.layers.get(name) })),
    channels: { before: old.channels, after: now.channels },
    tables: after.graph.nodes.filter(isBorderTable).length,
    columnConvs: after.graph.nodes.filter(({ attrs }) => attrs.taps !== undefined).length,
    passes,
  };
}
