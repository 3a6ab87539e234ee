/**
 * Evidence for pruning: one pass over data, whoever asks for whatever. The forward pass is `execute`, the loss one of
 * training's; networks run in evaluation mode, so nothing of them changes.
 */
import "../../disposable.ts";
import { checkDataset } from "../../data/check_dataset.ts";
import { batchCount, batches } from "../../data/loader.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { GivenInputs } from "../../graph/execute.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { Tape } from "../../tensor/tape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Interrupted } from "../errors.ts";
import { lossOf, type LossSettings } from "../losses/losses.ts";
import { createTrainState } from "../state.ts";
import { openStep } from "../step.ts";
import type { TrainData } from "../train.ts";
import type { Loss, Watchers } from "../types.ts";
import { combineWatchers } from "../watchers.ts";
import {
  observeActivations,
  observeCovariance,
  observeGradients,
  observeMagnitudes,
  observeMaps,
  observeParameter,
  observePatches,
  type Observer,
} from "./evidence_observers.ts";
import { createSums, type Sums } from "./evidence_sums.ts";
import type { EvidenceRequest, GatheredEvidence, ValueChannels } from "./evidence.ts";

/** What is looked at, and on which data. */
export interface EvidenceOptions {
  /** Where the passes run. */
  readonly gpu: Gpu;
  /** The network, which stays as it is. */
  readonly model: Model;
  /** Without labels where the loss needs none, or no gradients are asked for. */
  readonly data: TrainData;
  /** Everything that anybody wants to know: it is gathered once. */
  readonly requests: readonly EvidenceRequest[];
  /** Images per batch; default 64. */
  readonly batch?: number;
  /** Images in all, the first ones of the data set; default: all. */
  readonly images?: number;
  /** What gradients are of; default cross-entropy. */
  readonly loss?: Loss | LossSettings;
  /** What the network reads in place of a batch's images, where it is the rear part of another one. The tape may own it. */
  readonly given?: (batch: number, images: Tensor, tape: Tape) => GivenInputs;
  /** Stops after the batch in progress. */
  readonly signal?: AbortSignal;
}

/** Sums of so many batches stay in float32: more would lose digits, fewer would wait for reads. */
const FLUSH_EVERY = 16;

/**
 * Gathers what `requests` ask for.
 *
 * @throws UserError where a request names what the graph doesn't have, or the loss needs labels that there aren't,
 * or data that don't hold what they say; Interrupted when the signal is aborted
 */
export async function gatherEvidence(options: EvidenceOptions): Promise<GatheredEvidence> {
  const { gpu, model, batch = 64, images, given = (_, x) => x, signal } = options;
  const { graph } = model;
  checkDataset(options.data);
  using owned = new DisposableStack();
  const sums = owned.use(createSums(gpu));
  const observers = observersOf(gpu, sums, graph, merged(options.requests));
  const list = Object.values(observers).flatMap((kind): Observer<unknown>[] => [...kind.values()]);
  const state = owned.use(createTrainState(gpu, [graph], model.params));
  const labels = options.data.labels ? "present" : "absent";
  const data = { ...options.data, labels: options.data.labels ?? new Uint16Array(options.data.count) };
  const loss = list.some(({ differentiated }) => differentiated)
    ? lossOf(options.loss ?? { kind: "cross-entropy" })
    : undefined;
  const context = { state, graphs: [graph], labels, watchers: combineWatchers(list.map(watchersOf)) } as const;
  let samples = 0;
  for await (const part of batches(data, { batch, images })) {
    using tape = new Tape(gpu, "eval");
    const own = { ...context, given: (x: Tensor) => given(part.number, x, tape) };
    const { step } = openStep(own, tape, part, { shape: data.shape, seed: 0, number: part.number, epoch: 0 });
    for (const observer of list) observer.opened?.(step);
    if (loss) tape.backward(loss(step));
    else step.forward();
    for (const observer of list) observer.differentiated?.(step);
    samples += part.count;
    if (part.number % FLUSH_EVERY === FLUSH_EVERY - 1) await sums.flush();
    if (signal?.aborted) throw new Interrupted("stopped");
  }
  if (sums.pending) await sums.flush();
  const done = batchCount(data, { batch, images });
  const results = <Result>(kind: ReadonlyMap<string, Observer<Result>>) =>
    new Map(Array.from(kind, ([name, observer]) => [name, observer.result(samples, done)]));
  return {
    samples,
    activations: results(observers.activations),
    magnitudes: results(observers.magnitudes),
    maps: results(observers.maps),
    gradients: results(observers.gradients),
    parameters: results(observers.parameters),
    covariances: results(observers.covariances),
    patches: results(observers.patches),
  };
}

/** Each thing once that somebody asks for. @throws UserError where a value's channels are said to stand along two axes */
function merged(requests: readonly EvidenceRequest[]): Required<EvidenceRequest> {
  const names = (list: (request: EvidenceRequest) => readonly string[] | undefined) => [
    ...new Set(requests.flatMap((request) => list(request) ?? [])),
  ];
  const values = (list: (request: EvidenceRequest) => readonly ValueChannels[] | undefined) => {
    const found = new Map<string, ValueChannels>();
    for (const wanted of requests.flatMap((request) => list(request) ?? [])) {
      const known = found.get(wanted.value) ?? wanted;
      if ((known.axis ?? 1) !== (wanted.axis ?? 1)) {
        throw new UserError(
          `evidence: the channels of value "${wanted.value}" are asked for along axis ${
            known.axis ?? 1
          } and along axis ` +
            `${wanted.axis ?? 1}: ask for one of them`,
        );
      }
      found.set(wanted.value, known);
    }
    return [...found.values()];
  };
  return {
    activations: values(({ activations }) => activations),
    magnitudes: values(({ magnitudes }) => magnitudes),
    maps: names(({ maps }) => maps),
    gradients: values(({ gradients }) => gradients),
    parameters: names(({ parameters }) => parameters),
    covariances: values(({ covariances }) => covariances),
    patches: names(({ patches }) => patches),
  };
}

function observersOf(gpu: Gpu, sums: Sums, graph: Graph, wanted: Required<EvidenceRequest>) {
  const ofValues = <Result>(list: readonly ValueChannels[], observe: (of: ValueChannels) => Observer<Result>) =>
    new Map(list.map((of) => [of.value, observe(of)]));
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const nodeOf = (name: string) => {
    const node = nodes.get(name);
    if (!node) throw new UserError(`evidence: graph "${graph.name}" has no node "${name}"`);
    return node;
  };
  return {
    activations: ofValues(wanted.activations, (of) => observeActivations(gpu, sums, of)),
    magnitudes: ofValues(wanted.magnitudes, (of) => observeMagnitudes(gpu, sums, of)),
    maps: new Map(wanted.maps.map((value) => [value, observeMaps(sums, value)])),
    gradients: ofValues(wanted.gradients, (of) => observeGradients(gpu, sums, of)),
    parameters: new Map(wanted.parameters.map((name) => [name, observeParameter(gpu, sums, graph, name)])),
    covariances: ofValues(wanted.covariances, (of) => observeCovariance(gpu, sums, of)),
    patches: new Map(wanted.patches.map((name) => [name, observePatches(gpu, sums, graph, nodeOf(name))])),
  };
}

function watchersOf({ value, made }: Observer<unknown>): Watchers | undefined {
  return value !== undefined && made ? new Map([[value, made]]) : undefined;
}
