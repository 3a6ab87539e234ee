/** Why a group of weights would stay or go when a network is pruned by what it does with some images. */
import { chosenGpu, type GpuChoice } from "../gpu/gpu_choice.ts";
import { inputOptions, type NetworkOptions, readGiven, startModel } from "../models/given.ts";
import { requestedConstraints } from "../prune/budget/settle.ts";
import { gatherFor } from "../prune/criteria/gather.ts";
import { explainRequest, type Explanation } from "../prune/explain.ts";
import { type PruneOptions, pruneRequest } from "../prune/prune_model.ts";
import type { LoadPart } from "../train/evaluate_network.ts";
import type { Store } from "../store/types.ts";
import type { Ui } from "../ui.ts";

export interface ExplainOnDataOptions extends GpuChoice {
  readonly network: NetworkOptions;
  /** A layer, a constraint, or one of their groups, as `explain` takes them. */
  readonly name: string;
  /** How the network would be pruned; the criterion is given what it wants to know. */
  readonly prune: PruneOptions;
  /** The criterion looks at so many images at most. */
  readonly images: number;
  readonly store: Store;
  readonly ui: Ui;
  readonly signal?: AbortSignal;
  readonly loadPart: LoadPart;
}

/** Weights of a network without any are drawn by this seed. */
const SEED = 1;

/**
 * @throws UserError for files and data that can't be read, and as `gatherFor` and `explain` do; Interrupted when the signal is
 * aborted
 */
export async function explainOnData(options: ExplainOnDataOptions): Promise<Explanation> {
  const { network, name, images, store, ui, signal, loadPart } = options;
  const given = await readGiven(network, store);
  const { data } = await loadPart(inputOptions(network, given), ui);
  const model = startModel(given, network, data, SEED);
  const request = pruneRequest(options.prune);
  const { criterion } = request;
  const constraints = requestedConstraints(model.graph, request);
  using device = await chosenGpu(options);
  const { gpu } = device;
  const gathered = await gatherFor({ gpu, model, data, images, criterion, constraints, ...signal && { signal } });
  return explainRequest(model, name, { ...request, gathered });
}
