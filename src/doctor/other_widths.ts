/**
 * Says which layers of a network change with the number of one layer's groups, and to what sizes: from what compaction
 * makes of the network without one of them. It is pure.
 */
import { UserError } from "../errors.ts";
import type { Model } from "../graph/types.ts";
import { type LayerStep, type ProbeShape, tableSteps } from "../measure/latency/steps.ts";
import { l2 } from "../prune/criteria/l2.ts";
import { compact } from "../prune/rewrite/compact.ts";
import { type PrunedLayer, prunedLayers, rankedBy } from "../prune/sensitivity/pruned_layers.ts";
import { layersOf } from "../prune/structures/constraints.ts";
import { maskModel, masksOf } from "../prune/structures/masks.ts";
import type { Constraint } from "../prune/structures/types.ts";

/** A layer, or several coupled ones, that could have another number of groups. */
export interface Widths {
  /** It is the first layer's name. */
  readonly name: string;
  readonly layers: readonly string[];
  readonly constraint: Constraint;
  /** The groups' order, the one that goes last first. */
  readonly ranked: readonly number[];
  /** So many groups there are now. */
  readonly groups: number;
  /** The sizes of each layer that changes, at any number of groups. */
  readonly changing: readonly ChangingLayer[];
  /** Layers that change as well, and aren't of so many channels: they keep single columns, or become another step. */
  readonly uncounted: readonly string[];
  /** Gives the network with fewer groups. */
  narrower(groups: number): Model;
}

export interface ChangingLayer {
  readonly name: string;
  readonly probe: ProbeShape;
  sizes(groups: number): { readonly input: number; readonly output: number };
}

/**
 * Finds them for all layers that can lose filters, in order of execution. Sizes go up and down by as much for each
 * group as they do for the first that goes.
 */
export function otherWidths(model: Model): Widths[] {
  const layers = prunable(model);
  if (layers.length === 0) return [];
  const before = layerSteps(model);
  const ranked = rankedBy(model, layers.map(({ constraint }) => constraint), { criterion: l2, seed: 1 });
  return layers.map(({ constraint }, i): Widths => {
    const { groups } = constraint;
    const narrower = (count: number) => {
      const masks = masksOf([{ constraint, kept: ranked[i].slice(0, count) }], model.params);
      return compact(maskModel(model, masks)).model;
    };
    const after = layerSteps(narrower(groups - 1));
    const changed = [...before.values()].filter((step) => {
      const other = after.get(step.name);
      return !other || other.input !== step.input || other.output !== step.output;
    });
    const countable = changed.filter(({ columns, name, shape }) =>
      columns === "all" && after.get(name)?.shape === shape
    );
    const names = layersOf(model.graph, constraint);
    return {
      name: names[0],
      layers: names,
      constraint,
      ranked: ranked[i],
      groups,
      changing: countable.map((step) => changingLayer(step, after.get(step.name)!, groups)),
      uncounted: changed.filter((step) => !countable.includes(step)).map(({ name }) => name),
      narrower,
    };
  });
}

function changingLayer(now: LayerStep, fewer: LayerStep, groups: number): ChangingLayer {
  const [inputs, outputs] = [now.input - fewer.input, now.output - fewer.output];
  return {
    name: now.name,
    probe: now.probe,
    sizes: (wanted) => ({
      input: now.input + (wanted - groups) * inputs,
      output: now.output + (wanted - groups) * outputs,
    }),
  };
}

const HALF = 0.5;

/** Layers of at least two groups that can lose one. */
function prunable(model: Model): Pick<PrunedLayer, "constraint">[] {
  try {
    // Some ratio has to be said: which groups go is decided here.
    return prunedLayers(model.graph, { ratios: [HALF] });
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
}

function layerSteps(model: Model): Map<string, LayerStep> {
  return new Map(tableSteps(model).flatMap((step) => step.kind === "layer" ? [[step.name, step]] : []));
}

/** Units in which kernels' tiles come. */
const TILES = [4, 8, 16, 32];

/**
 * Lists the numbers of groups whose times tell whether the present one lies badly: one less, one more, and the nearest
 * multiples of 4, 8, 16 and 32 on either side, as far as they are within a half of it.
 */
export function widthsToTry(groups: number): number[] {
  const near = TILES.flatMap((tile) => {
    const below = Math.floor(groups / tile) * tile;
    return [below === groups ? below - tile : below, Math.ceil((groups + 1) / tile) * tile];
  });
  const all = [groups - 1, groups, groups + 1, ...near];
  const fitting = all.filter((width) => width >= Math.max(1, groups / 2) && width <= 1.5 * groups);
  return [...new Set([...fitting, groups])].sort((a, b) => a - b);
}
