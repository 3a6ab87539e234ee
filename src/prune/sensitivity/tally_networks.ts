/**
 * Runs a network with one of its layers pruned, for each layer and part, and adds up how far off the outputs are. On each batch of
 * images the network before the layer is run once for all that goes on behind it.
 */
import "../../disposable.ts";
import { checkDataset } from "../../data/check_dataset.ts";
import { batchCount, batches } from "../../data/loader.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { graphCost } from "../../graph/cost.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { Tape } from "../../tensor/tape.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { Interrupted } from "../../train/errors.ts";
import type { TrainData } from "../../train/train.ts";
import { prefixRuns } from "./prefix_runs.ts";
import { maskedParams, type PrunedLayer } from "./pruned_layers.ts";
import { SENSITIVITY_DEFAULTS } from "./sensitivity_defaults.ts";
import { deviceTally, emptyTally, type Tally } from "./tally.ts";

/** Which networks run, and on which images. */
export interface TallyOptions {
  /** Where the passes run. */
  readonly gpu: Gpu;
  /** A trained network with one output [N, classes]; it stays as it is. */
  readonly model: Model;
  /** Without labels only the outputs are compared. */
  readonly data: TrainData;
  /** In order of execution (`prunedLayers`). */
  readonly layers: readonly PrunedLayer[];
  /** For each layer its groups, the one that goes last first (`rankLayers`). */
  readonly ranked: readonly (readonly number[])[];
  /** Images at once; default 250, which is evaluation's. */
  readonly batch?: number;
  /** What an earlier measurement of the same has come to; default: begin anew. */
  readonly from?: Tally;
  /** Told after each batch, with all that is to be kept. */
  readonly keep?: (tally: Tally) => Promise<void>;
  /** Told after each network: multiply-adds that are done, all of them, and which network it was. */
  readonly progress?: (done: number, total: number, network: string) => void;
  /** Stops after the network in progress; the batch in progress is lost. */
  readonly signal?: AbortSignal;
}

/**
 * Runs every pruned network on all images.
 *
 * Each network's sums are to the bit those of `evaluate` on the masked network with the same batch: the same operators see the same
 * numbers, also where an earlier measurement is gone on with. Held at once are the values of one batch that cross the places
 * where layers begin, which a plain evaluation holds as well, and one network's run from there on; neither the number of
 * images nor that of layers and ratios adds to it.
 *
 * @throws UserError for data that don't hold what they say; Interrupted when the signal is aborted
 */
export async function tallyNetworks(options: TallyOptions): Promise<Tally> {
  const { gpu, model, layers, ranked, batch = SENSITIVITY_DEFAULTS.batch, keep, progress, signal } = options;
  checkDataset(options.data);
  const labelled = options.data.labels !== undefined;
  const data = { ...options.data, labels: options.data.labels ?? new Uint16Array(options.data.count) };
  const networks = layers.flatMap(({ keeps, ...layer }, i) =>
    keeps.map((count): PrunedNetwork => ({ ...layer, kept: ranked[i].slice(0, count) }))
  );
  let tally = options.from ?? emptyTally(1 + networks.length);
  const work = workOf(model.graph, [0, ...networks.map(({ from }) => from)]);
  const total = work.at(-1)! * batchCount(data, { batch });
  const report = (network: number) =>
    progress?.(
      work.at(-1)! * tally.batches + work[network],
      total,
      network === 0 ? "whole" : nameOf(networks[network - 1]),
    );
  using runs = prefixRuns(gpu, model.graph, model.params, layers.map(({ from }) => from));
  using sums = deviceTally(gpu, tally);
  for await (const part of batches(data, { batch, from: tally.batches })) {
    using images = Tensor.from(gpu, part.images, [part.count, ...data.shape]);
    using given = labelled ? Tensor.from(gpu, part.labels, [part.count]) : undefined;
    const dense = runs.open(images);
    for (let network = 0; network <= networks.length; network++) {
      using tape = new Tape(gpu, "eval");
      const outputs = network === 0 ? dense : prunedOutputs(runs, tape, model, networks[network - 1]);
      sums.add(tape, network, outputs, dense, given);
      // The time that is left can only be told of what is done; and a stop shall not wait for the whole batch.
      await gpu.sync();
      report(network);
      if (signal?.aborted) throw new Interrupted("stopped");
    }
    tally = await sums.read(tally, dense);
    await keep?.(tally);
  }
  return tally;
}

/** One layer without some of its groups. */
type PrunedNetwork = Omit<PrunedLayer, "keeps"> & { readonly kept: readonly number[] };

function nameOf({ constraint: { name, groups }, kept }: PrunedNetwork): string {
  return `${name}, ${kept.length} of ${groups}`;
}

function prunedOutputs(
  runs: ReturnType<typeof prefixRuns>,
  tape: Tape,
  model: Model,
  { constraint, kept, from }: PrunedNetwork,
): Tensor {
  return runs.run(tape, from, maskedParams(model, constraint, kept));
}

/** Multiply-adds up to and with each network's run. */
function workOf(graph: Graph, places: readonly number[]): number[] {
  const { nodes } = graphCost(graph);
  const macs = graph.nodes.map(({ name }) => nodes.get(name)!.macs);
  let done = 0;
  return places.map((from) => done += macs.slice(from).reduce((sum, of) => sum + of, 1));
}
