/** How much a network loses by each of its layers: groups of one layer go, everything else stays, and nothing is fitted. */
import { spread } from "../../data/splits.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Graph, Model } from "../../graph/types.ts";
import type { TrainData } from "../../train/train.ts";
import { type KnownKeys, refuseUnknownKeys } from "../../validation/choice.ts";
import { criterionNamed } from "../criteria/criteria.ts";
import { gatherFor } from "../criteria/gather.ts";
import type { Criterion } from "../criteria/types.ts";
import { type LayersAsked, type PrunedLayer, prunedLayers, rankedBy } from "./pruned_layers.ts";
import { layersOf } from "../structures/constraints.ts";
import { SENSITIVITY_DEFAULTS } from "./sensitivity_defaults.ts";
import { outputSpread, type Tally } from "./tally.ts";
import { tallyNetworks } from "./tally_networks.ts";
import type { Sensitivity, SensitivityPoint } from "./types.ts";

/** What `measureSensitivity` is given. */
export interface SensitivityOptions extends Partial<LayersAsked> {
  /** Where the passes run. */
  readonly gpu: Gpu;
  /** A trained network with one output [N, classes]; it stays as it is. */
  readonly model: Model;
  /** Without labels only the outputs are compared. */
  readonly data: TrainData;
  /** By which groups go: a criterion, or the name of one in `CRITERIA`. Default "l2". */
  readonly criterion?: Criterion | string;
  /** Of what a criterion draws by lot. Default 1. */
  readonly seed?: number;
  /** Images at once; default 250. */
  readonly batch?: number;
  /** Told after each network: multiply-adds that are done, all of them, and which network it was. */
  readonly progress?: (done: number, total: number, network: string) => void;
  /** Stops after the network in progress. */
  readonly signal?: AbortSignal;
}

const KNOWN: KnownKeys<SensitivityOptions> = {
  gpu: true,
  model: true,
  data: true,
  ratios: true,
  layers: true,
  exclude: true,
  criterion: true,
  seed: true,
  batch: true,
  progress: true,
  signal: true,
};

/** Images for criteria that look at more than weights. */
const EVIDENCE_IMAGES = 512;

/**
 * What the network loses when parts of one layer's filters go, coupled layers together, everything else is whole, and nothing is
 * trained or fitted: for each layer the accuracy and the loss where the images have labels, and how far the outputs are off.
 * Without `ratios` a tenth, three, five, seven and nine tenths go. It is what a budget's `sensitivity` takes.
 *
 * @throws UserError for an unknown option or criterion, a ratio that is none, a layer that isn't there or that can't lose filters,
 * data that don't hold what they say, and outputs that don't vary; Interrupted when the signal is aborted
 */
export async function measureSensitivity(options: SensitivityOptions): Promise<Sensitivity> {
  refuseUnknownKeys("measureSensitivity", options, Object.keys(KNOWN));
  const { model, data, ratios = SENSITIVITY_DEFAULTS.ratios, layers: named, exclude } = options;
  const { criterion = SENSITIVITY_DEFAULTS.criterion, seed = SENSITIVITY_DEFAULTS.seed, ...running } = options;
  const layers = prunedLayers(model.graph, { ratios, layers: named, exclude });
  const ranked = await rankLayers({ ...running, criterion, seed, layers });
  const tally = await tallyNetworks({ ...running, layers, ranked });
  return sensitivityOf(model.graph, layers, tally, data.labels === undefined ? "absent" : "present");
}

interface Ranking extends Pick<SensitivityOptions, "gpu" | "model" | "data" | "signal"> {
  readonly layers: readonly PrunedLayer[];
  readonly criterion: Criterion | string;
  readonly seed: number;
}

/** For each layer its groups, the one that goes last first. @throws UserError where the criterion can't score them */
export async function rankLayers(
  { gpu, model, data, signal, layers, criterion: asked, seed }: Ranking,
): Promise<readonly number[][]> {
  const criterion = typeof asked === "string" ? criterionNamed(asked) : asked;
  const constraints = layers.map(({ constraint }) => constraint);
  const gathered = await gatherFor({ gpu, model, data: spread(data, EVIDENCE_IMAGES), criterion, constraints, signal });
  return rankedBy(model, constraints, { criterion, seed, gathered });
}

/**
 * What a whole tally says.
 *
 * @throws UserError where the whole network's outputs don't vary, or a pruned one's aren't finite
 */
export function sensitivityOf(
  graph: Graph,
  layers: readonly PrunedLayer[],
  tally: Tally,
  labels: "present" | "absent",
): Sensitivity {
  const spread = outputSpread(tally);
  let next = 0;
  const told = () => {
    const { correct, loss, error } = tally.networks[next++];
    const accuracy = correct / tally.images;
    return { outputLoss: error / spread, ...labels === "present" && { accuracy, loss: loss / tally.images } };
  };
  const { outputLoss: _, ...dense } = told();
  return {
    dense,
    curves: layers.map(({ constraint, keeps }) => ({
      name: constraint.name,
      layers: layersOf(graph, constraint),
      groups: constraint.groups,
      points: keeps.map((keep): SensitivityPoint => {
        const point = { keep, ...told() };
        if (Number.isFinite(point.outputLoss) && Number.isFinite(point.loss ?? 0)) return point;
        throw new UserError(
          `${constraint.name}: with ${keep} of ${constraint.groups} the network's outputs aren't finite: leave the layer out ` +
            "(exclude)",
        );
      }),
    })),
  };
}
