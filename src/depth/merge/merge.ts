/** Affine layers between two values made one: the graph, and its numbers in float64, rounded once. */
import { UserError } from "../../errors.ts";
import type { Params64 } from "../../graph/fold.ts";
import { identityMap } from "../../graph/indexmap.ts";
import { freshName, takenNames } from "../../graph/names.ts";
import { inferShapes } from "../../graph/infer.ts";
import { mixesChannels } from "../../graph/roles.ts";
import type { Graph, Model, Node, Origin, Rewrite } from "../../graph/types.ts";
import type { Block } from "../types.ts";
import { type Composer, composer } from "./compose.ts";
import { emitLayer, type Emitted, type LayerRegions } from "./emit.ts";
import { type MergedLayer, type MergeOptions, type MergePlan, type MergeRefused, planMerge } from "./plan.ts";
import { passage } from "./region.ts";
import { affineRuns } from "./runs.ts";
import { trace, type Traces } from "./trace.ts";

/** How blocks are merged. */
export interface MergeBlocksOptions extends MergeOptions {
  /**
   * "exact": where values in between are padded with zeros, kernels or biases of their own for the regions at the border.
   * "move": one kernel everywhere, which only blocks have whose padding was moved to their first layer before training
   * (moveBorders); others are refused. Default "exact".
   */
  readonly border?: "exact" | "move";
}

/** What a merge reads of a block. Of a transformer's block whatever is affine is merged, attention stays. */
export type MergeTarget = Pick<Block, "name" | "kind" | "input" | "output">;

/** The plans of one block: of a transformer's each run of affine layers has its own. */
export function planBlock(
  graph: Graph,
  block: MergeTarget,
  options: MergeOptions = {},
): readonly MergePlan[] | MergeRefused {
  if (block.kind !== "transformer") {
    const plan = planMerge(graph, block, options);
    return "refused" in plan ? plan : [plan];
  }
  // The block's own names are those of before it took its form.
  const inside = passage(graph, block);
  if ("refused" in inside) return inside;
  const own = new Set(inside.nodes);
  const runs = affineRuns(graph, options, (node) => own.has(node));
  return runs.length > 0 ? runs : { refused: "it has no layers in a row without an activation or a norm in between" };
}

/**
 * Each block's affine layers as one layer, or as those that take the fewest multiply-adds; activations and norms after them
 * stay. The names of blocks' inputs and outputs stay. Merged parameters are merged origins of the index map.
 *
 * @throws UserError where a block can't be merged, with the reason
 */
export function mergeBlocks(
  model: Model,
  blocks: readonly MergeTarget[],
  { border = "exact", ...options }: MergeBlocksOptions = {},
): Rewrite {
  const plans = blocks.flatMap((block) => {
    const found = planBlock(model.graph, block, options);
    if ("refused" in found) throw new UserError(`block "${block.name}" can't be merged: ${found.refused}`);
    const padded = found.flatMap(({ layers }) => layers).find((layer) => layer.border !== "none");
    if (border === "move" && padded) {
      throw new UserError(
        `block "${block.name}" can't be merged to one kernel: values inside are padded with zeros, so that its border needs ` +
          `others; move its padding to its first layer before training, or merge with border: exact`,
      );
    }
    return found;
  });
  return mergePlans(model, plans);
}

/** The model with these plans carried out. */
export function mergePlans(model: Model, plans: readonly MergePlan[]): Rewrite {
  const read = readByLayers(model.graph, plans);
  const exact: Params64 = new Map(
    Array.from(model.params).filter(([name]) => read.has(name))
      .map(([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }]),
  );
  const { graph, params, origins } = mergedParams64(model.graph, exact, plans);
  const rounded = new Map(
    Object.keys(graph.params).map((name) => {
      const made = origins.has(name) ? params.get(name)! : undefined;
      return [name, made ? { shape: made.shape, data: new Float32Array(made.data) } : model.params.get(name)!];
    }),
  );
  const identity = identityMap(model.graph);
  const map = new Map(Object.keys(graph.params).map((name) => [name, origins.get(name) ?? identity.get(name)!]));
  return { model: { graph, params: rounded }, map };
}

/** The graph with these plans carried out, without numbers: what a form will be. */
export function mergedGraph(graph: Graph, plans: readonly MergePlan[]): Graph {
  return rewritten(graph, plans).graph;
}

/**
 * The same with numbers, in float64 throughout.
 *
 * @param params those that the merged layers read, and maybe others, which are passed on
 */
export function mergedParams64(
  graph: Graph,
  params: Params64,
  plans: readonly MergePlan[],
): { readonly graph: Graph; readonly params: Params64; readonly origins: ReadonlyMap<string, Origin> } {
  const { graph: made, emitted } = rewritten(graph, plans);
  const written = new Set([...emitted.values()].flatMap(({ params }) => params.map(({ name }) => name)));
  const values = new Map(Array.from(params).filter(([name]) => name in made.params && !written.has(name)));
  const origins = new Map<string, Origin>();
  for (const [layer, emission] of emitted) {
    const between = nodesOf(graph, layer);
    const traces = trace(graph, layer.input, between);
    const regions = regionNumbers(layer, traces, composer(traces, (name) => params.get(name)!.data));
    const sources = [...new Set(between.flatMap(({ inputs }) => inputs.filter((name) => name in graph.params)))];
    const how = formula(traces, layer.output, new Map(between.map((node) => [node.outputs[0], node.name])));
    for (const { name, shape, numbers } of emission.params) {
      values.set(name, { shape, data: numbers(regions) });
      if (sources.length > 0) origins.set(name, { sources, how });
    }
  }
  return { graph: made, params: values, origins };
}

interface Rewritten {
  readonly graph: Graph;
  readonly emitted: ReadonlyMap<MergedLayer, Emitted>;
}

/** Layers take the places of the last of their nodes. */
function rewritten(graph: Graph, plans: readonly MergePlan[]): Rewritten {
  const layers = plans.flatMap((plan) => plan.layers);
  const replaced = new Set(layers.flatMap(({ nodes }) => nodes));
  const left = graph.nodes.filter(({ name }) => !replaced.has(name));
  const read = new Set(left.flatMap(({ inputs }) => inputs));
  const specs = Object.fromEntries(Object.entries(graph.params).filter(([name]) => read.has(name)));
  // Values at both ends keep their names; those of what goes are free again.
  const taken = takenNames({ ...graph, nodes: left, params: specs });
  for (const layer of layers) {
    taken.add(layer.input);
    // A node may be called as the value that it makes.
    if (nameOf(graph, layer) !== layer.output) taken.add(layer.output);
  }
  const shapes = inferShapes(graph);
  const emitted = new Map(layers.map((layer) => {
    const rank = shapes.get(layer.input)!.length;
    return [layer, emitLayer(layer, nameOf(graph, layer), rank, (base) => freshName(taken, base))];
  }));
  for (const { name, shape, role, init } of [...emitted.values()].flatMap(({ params }) => params)) {
    specs[name] = { shape, role, ...init && { init } };
  }
  const ending = new Map(layers.map((layer) => [layer.nodes[layer.nodes.length - 1], layer]));
  const nodes = graph.nodes.flatMap((node) => {
    const layer = ending.get(node.name);
    if (layer) return emitted.get(layer)!.nodes;
    return replaced.has(node.name) ? [] : [node];
  });
  return { graph: { ...graph, nodes, params: specs }, emitted };
}

/** What a layer is called: as the last one that it is made of. */
function nameOf(graph: Graph, layer: MergedLayer): string {
  const layers = nodesOf(graph, layer).filter(mixesChannels);
  return (layers.at(-1)?.name ?? layer.output);
}

function nodesOf(graph: Graph, { nodes }: MergedLayer): Node[] {
  const own = new Set(nodes);
  return graph.nodes.filter(({ name }) => own.has(name));
}

function readByLayers(graph: Graph, plans: readonly MergePlan[]): Set<string> {
  const nodes = plans.flatMap(({ layers }) => layers).flatMap((layer) => nodesOf(graph, layer));
  return new Set(nodes.flatMap(({ inputs }) => inputs.filter((name) => name in graph.params)));
}

/** What a merged layer computes in its regions: at any line that lies in them. */
function regionNumbers(layer: MergedLayer, { values }: Traces, composed: Composer): LayerRegions {
  const { output, rows, cols, kernel, pads, dilations } = layer;
  const { axes } = values.get(output)!;
  const lines = (row: number, col: number) => [rows.indexOf(row), cols.indexOf(col)] as const;
  // Where the offsets that are read stand in a kernel that reaches them all.
  const places = axes.map(({ offsets }, axis) => offsets.map((offset) => (offset + pads[axis]) / dilations[axis]));
  return {
    kernel(row, col) {
      const [i, j] = lines(row, col);
      const found = composed.kernel(output, [axes[0].kernels[i], axes[1].kernels[j]]);
      const size = kernel[0] * kernel[1];
      const [height, width] = places.map(({ length }) => length);
      const spread = new Float64Array(found.length / (height * width) * size);
      found.forEach((v, at) => {
        const base = Math.floor(at / (height * width)) * size;
        spread[base + places[0][Math.floor(at / width) % height] * kernel[1] + places[1][at % width]] = v;
      });
      return spread;
    },
    shift(row, col) {
      const [i, j] = lines(row, col);
      return composed.shift(output, [axes[0].shifts[i], axes[1].shifts[j]]);
    },
  };
}

/** How a value is made of a run's input, outermost first: "bn2 ∘ conv2 ∘ (bn1 ∘ conv1 + shortcut)". */
function formula({ input, values }: Traces, value: string, names: ReadonlyMap<string, string>): string {
  const { step } = values.get(value)!;
  if (value === input || !step) return "identity";
  if (step.kind === "sum") {
    const parts = step.reads.map((name) => formula({ input, values }, name, names));
    return step.firsts.some((first) => first > 0)
      ? `[${parts.join(", ")}]`
      : parts.join(step.signs[1] < 0 ? " − " : " + ");
  }
  const inner = formula({ input, values }, step.read, names);
  if (step.kind === "same") return inner;
  const name = names.get(value)!;
  if (inner === "identity") return name;
  return `${name} ∘ ${/ [+−] /.test(inner) ? `(${inner})` : inner}`;
}
