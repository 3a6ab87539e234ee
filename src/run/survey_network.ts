/** What there is to know of a network and its data before a recipe is chosen for them. */
import { commonestShare } from "../data/commonest_share.ts";
import { spread } from "../data/splits.ts";
import type { Dataset, Splits } from "../data/types.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { chosenGpu, type GpuChoice } from "../gpu/gpu_choice.ts";
import { graphCost } from "../graph/cost.ts";
import { isBatchNorm, isRowNorm, isSum } from "../graph/roles.ts";
import type { Graph, Model } from "../graph/types.ts";
import { inputOptions, type NetworkOptions, readGiven, startModel, withOutputsOf } from "../models/given.ts";
import type { Survey } from "../one_line/choose_recipe.ts";
import { batchFor } from "../one_line/training_choice.ts";
import type { DataRequest } from "../recipe/schema.ts";
import { lacksNorms } from "../stages/restored_norms.ts";
import type { Store } from "../store/types.ts";
import { evaluateModel } from "../train/evaluate.ts";
import type { Ui } from "../ui.ts";

export interface SurveyOptions extends GpuChoice {
  readonly network: NetworkOptions;
  /** Without labels nothing is scored. */
  readonly data: DataRequest;
  readonly store: Store;
  readonly ui: Ui;
  readonly loadData: (request: DataRequest, ui: Ui) => Promise<Splits>;
}

/** Training images that are scored at most, and multiply-adds that may take: a second or two of software Vulkan. */
const SCORED = 500;
const SCORED_MACS = 1e11;

/** @throws UserError where files or data are missing or damaged, or don't fit each other */
export async function surveyNetwork(options: SurveyOptions): Promise<Survey> {
  const { network, data: request, store, ui } = options;
  const given = await readGiven(network, store);
  const loaded = await options.loadData({ ...request, ...inputOptions(network, given) }, ui);
  const labelled = loaded.labels !== "absent";
  const data = labelled ? loaded : withOutputsOf(given, network, loaded);
  const model = startModel(given, network, data, 0);
  const { params, macs } = graphCost(model.graph);
  const most = Math.max(32, Math.min(SCORED, Math.floor(SCORED_MACS / Math.max(1, macs))));
  const scored = spread(data.train, most);
  using device = await chosenGpu(options);
  const { accuracy, imageMs } = await timed(device.gpu, model, scored, batchFor(data.train.count));
  return {
    model: network.model.name,
    data: request.name,
    params,
    macs,
    images: data.train.count,
    validation: data.validation.count,
    test: data.test.count,
    norms: normsOf(model.graph),
    shortcuts: model.graph.nodes.some(isSum) ? "some" : "none",
    imageMs,
    ...labelled && { known: { accuracy, scored: scored.count, chance: commonestShare(scored) } },
  };
}

/** The first pass compiles, the second is timed. */
async function timed(gpu: Gpu, model: Model, data: Dataset, batch: number) {
  const { accuracy } = await evaluateModel(gpu, model, data, batch);
  const some = spread(data, 4 * batch);
  const start = performance.now();
  await evaluateModel(gpu, model, some, batch);
  return { accuracy, imageMs: (performance.now() - start) / some.count };
}

/** A network from whose convolutions norms were folded away is given them back for training. */
function normsOf(graph: Graph): Survey["norms"] {
  if (graph.nodes.some(isRowNorm)) return "layer";
  return graph.nodes.some(isBatchNorm) || lacksNorms(graph) ? "batch" : "none";
}
