/** What it costs a network to do without groups of each layer: what a budget over all layers goes by. No label is looked at. */
import "../../disposable.ts";
import { firstImages } from "../../data/proof_inputs.ts";
import { spread } from "../../data/splits.ts";
import type { HostTensor, Model } from "../../graph/types.ts";
import { Tape } from "../../tensor/tape.ts";
import { readTensors, Tensor } from "../../tensor/tensor.ts";
import { Interrupted } from "../../train/errors.ts";
import { joinedRows } from "../../train/evaluate.ts";
import { prefixRuns } from "../sensitivity/prefix_runs.ts";
import type { Constraint } from "../structures/types.ts";
import type { Gone } from "./greedy.ts";
import { type LayerReader, withoutGroups } from "./layer_reader.ts";
import { outputLoss } from "./output_loss.ts";
import { readersOf, type ReconstructOptions, selectionFor } from "./reconstruct.ts";

/** Images that moments are taken of, and that outputs are compared on: layers are only set against each other. */
const LOOKED_AT = 256, COMPARED = 128;
/** Parts of a layer's groups without which the outputs are looked at; in between, the layer's own error tells. */
const PARTS = [0.25, 0.5, 0.75, 1] as const;
const MOST_KEPT_BYTES = 2 ** 28;

/**
 * By how much the network's outputs are further off (outputLoss) as each constraint's groups go one after the other, all other
 * constraints being whole: scores for a budget. Never falling, so that the groups of a layer go in their order.
 *
 * @returns by the constraint's name, [groups]
 * @throws Interrupted when the signal is aborted
 */
export async function removalCosts(options: ReconstructOptions): Promise<ReadonlyMap<string, Float64Array>> {
  const { model, constraints, signal } = options;
  const looking = { ...options, images: spread(options.images, LOOKED_AT) };
  const readers = await readersOf(looking, model, constraints);
  const removals: Removal[] = [];
  for (const constraint of constraints) {
    if (signal?.aborted) throw new Interrupted("stopped");
    const own = readers.get(constraint)!;
    const selection = await selectionFor(looking, model, constraint);
    const gone = selection.order(own.map(({ reader }) => reader));
    removals.push({ readers: own, gone, counts: lookedCounts(constraint) });
  }
  const losses = await lossesWithout(options, removals);
  return new Map(constraints.map(({ name }, c) => {
    const { gone, counts } = removals[c];
    const measured = counts.map((count, i) => ({ count, loss: losses[c][i] }));
    return [name, risingCosts(gone, [{ count: 0, loss: 0 }, ...measured])];
  }));
}

/** A constraint's groups in the order in which they go, and how many of them are gone when the outputs are looked at. */
export interface Removal {
  readonly readers: readonly LayerReader[];
  readonly gone: Gone;
  readonly counts: readonly number[];
}

function lookedCounts({ groups }: Constraint): number[] {
  const counts = PARTS.map((part) => Math.min(groups - 1, Math.round(part * groups)));
  return [...new Set(counts)].filter((count) => count > 0);
}

/**
 * How far the outputs are off for each removal and each of its counts. What stands before the layers that are fitted anew is run
 * once for all of them.
 *
 * @param mostBytes of values in front of the layers, of all images that are compared at once
 */
export async function lossesWithout(
  { gpu, model, images, refit = "affine", signal, progress }: Omit<ReconstructOptions, "constraints">,
  removals: readonly Removal[],
  mostBytes = MOST_KEPT_BYTES,
): Promise<number[][]> {
  const { graph, params } = model;
  const { inputs, batch: compared } = firstImages(spread(images, COMPARED), COMPARED);
  const size = inputs.length / compared;
  const places = removals.map(({ readers }) => firstReader(model, readers));
  using runs = prefixRuns(gpu, graph, params, places);
  const atOnce = Math.max(1, Math.min(compared, Math.floor(mostBytes / runs.keptBytes)));
  const original: Float32Array[] = [];
  const changed = removals.map(({ counts }) => counts.map((): Float32Array[] => []));
  for (let first = 0; first < compared; first += atOnce) {
    const part = inputs.slice(first * size, (first + atOnce) * size);
    using x = Tensor.from(gpu, part, [part.length / size, ...images.shape]);
    original.push(...await readTensors([runs.open(x)]));
    for (const [r, { readers, gone, counts }] of removals.entries()) {
      for (const [i, count] of counts.entries()) {
        if (signal?.aborted) throw new Interrupted("stopped");
        const groups = gone.order.slice(0, count);
        const without = readers.reduce((before, one) => withoutGroups(before, one, groups, refit), model);
        using tape = new Tape(gpu, "eval");
        changed[r][i].push(...await readTensors([runs.run(tape, places[r], changesOf(without, model))]));
      }
      const share = Math.min(compared, first + atOnce) / compared;
      progress?.(Math.floor(share * (r + 1)), removals.length);
    }
  }
  const z = joinedRows(original);
  return changed.map((counts) => counts.map((parts) => outputLoss(z, joinedRows(parts), compared)));
}

/** Place of the first node that changes where these layers are fitted anew. */
function firstReader({ graph }: Model, readers: readonly LayerReader[]): number {
  const fitted = new Set(readers.flatMap(({ layer, place }) => [layer.weight, ...place ? [place.param] : []]));
  return graph.nodes.findIndex(({ inputs }) => inputs.some((name) => fitted.has(name)));
}

function changesOf(changed: Model, { params }: Model): ReadonlyMap<string, HostTensor> {
  return new Map([...changed.params].filter(([name, tensor]) => params.get(name) !== tensor));
}

/** How far outputs are off without the first `count` groups. */
export interface MeasuredLoss {
  readonly count: number;
  readonly loss: number;
}

/**
 * Between two counts at which the loss was measured it is divided among the groups as the layer's own error is; the last group, without
 * which nothing is left to measure, counts as the one before it. Losses and costs that fall are held at what they were.
 *
 * @param measured by ascending count, from 0 on
 */
export function risingCosts({ costs }: Gone, measured: readonly MeasuredLoss[]): Float64Array {
  const rising = new Float64Array(costs.length);
  let [loss, most] = [0, 0];
  measured.slice(1).forEach((to, i) => {
    const from = measured[i].count;
    const errors = costs.slice(from, to.count);
    const total = errors.reduce((sum, error) => sum + error, 0);
    const risen = Math.max(0, to.loss - loss);
    loss = Math.max(loss, to.loss);
    errors.forEach((error, at) => {
      most = Math.max(most, total > 0 ? risen * error / total : risen / errors.length);
      rising[from + at] = most;
    });
  });
  return rising.fill(most, measured.at(-1)!.count);
}
