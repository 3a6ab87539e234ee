/** Scores a network on data, apart from any run: what an imported file is worth. */
import type { PartName } from "../data/images/arrange.ts";
import type { InputOptions } from "../data/input.ts";
import type { Dataset } from "../data/types.ts";
import { UserError } from "../errors.ts";
import { chosenGpu, type GpuChoice } from "../gpu/gpu_choice.ts";
import { graphCost } from "../graph/cost.ts";
import { inputOptions, type NetworkOptions, readGiven, startModel, tellStart } from "../models/given.ts";
import type { Store } from "../store/types.ts";
import type { Ui } from "../ui.ts";
import { evaluateModel } from "./evaluate.ts";

/** Loads a part of some data set as a network takes it, and says which part it is. */
export type LoadPart = (input: InputOptions, ui: Ui) => Promise<{ part: PartName | "all"; data: Dataset }>;

export interface EvaluateOptions extends GpuChoice {
  readonly network: NetworkOptions;
  readonly store: Store;
  readonly ui: Ui;
  readonly loadPart: LoadPart;
}

export interface Score {
  readonly model: string;
  readonly params: number;
  readonly macs: number;
  readonly data: string;
  readonly part: PartName | "all";
  readonly images: number;
  readonly shape: readonly number[];
  readonly classes: number;
  readonly classNames?: readonly string[];
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly correct: number;
  /** Fraction in 0…1. */
  readonly accuracy: number;
  /** Mean cross-entropy. */
  readonly loss: number;
}

/** Throws UserError where the network's files or the data are missing or damaged, or don't fit each other. */
export async function evaluateNetwork({ network, store, ui, ...options }: EvaluateOptions): Promise<Score> {
  const given = await readGiven(network, store);
  const { part, data } = await options.loadPart(inputOptions(network, given), ui);
  const model = startModel(given, network, data, 0);
  tellStart(ui, network, given, data);
  using device = await chosenGpu(options);
  const { accuracy, loss } = await evaluateModel(device.gpu, model, data);
  if (!Number.isFinite(loss)) {
    throw new UserError(
      `${
        network.weights ?? network.model.name
      }: its loss on ${data.name} is ${loss}, since its outputs aren't finite or are ` +
        "too large for float32: check that mean and std are those that it was trained with",
    );
  }
  const { params, macs } = graphCost(model.graph);
  const { mean, std } = data.normalization;
  return {
    model: network.weights ?? network.model.name,
    params,
    macs,
    data: data.name,
    part,
    images: data.count,
    shape: data.shape,
    classes: data.classes,
    classNames: data.classNames,
    mean,
    std,
    correct: Math.round(accuracy * data.count),
    accuracy,
    loss,
  };
}
