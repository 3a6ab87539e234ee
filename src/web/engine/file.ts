/** A file that was dropped on the page, as a network to be timed. Its bytes never leave the page. */
import { UserError } from "../../errors.ts";
import { loadWeights } from "../../formats/dialects/load.ts";
import { holdsGraph, parseModel } from "../../formats/model_file.ts";
import { requireImages } from "../../formats/onnx/image_network.ts";
import { loadOnnx } from "../../formats/onnx/import.ts";
import { isSafetensors, readSafetensors } from "../../formats/safetensors.ts";
import { readWeights, type StateDict } from "../../formats/weights.ts";
import { channelsFirst } from "../../graph/rewrite/channels_first.ts";
import { initialise } from "../../graph/initialise.ts";
import type { Model } from "../../graph/types.ts";
import { createModel, modelNames } from "../../models/zoo.ts";
import { pruneFilters } from "../../prune/methods/uniform.ts";
import { entryOf, type Network } from "./catalogue.ts";

/**
 * The network in the file, and what is left of it at half its multiply-adds. Of one that was pruned by Secateur, the dense
 * form is the one it came from.
 *
 * @throws UserError for a file that is damaged, of another kind, or whose network takes no images
 */
export async function fileNetwork(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<Network> {
  const models = await modelsOf(name, bytes);
  const first = (models.dense ?? models.pruned)!;
  requireImages(name, first);
  const made = Object.fromEntries(
    Object.entries(models).map(([variant, model]) => [variant, () => Promise.resolve(model)]),
  );
  return { entry: await entryOf(`file:${name}`, name, "file", made), models: made };
}

async function modelsOf(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<{ dense?: Model; pruned?: Model }> {
  if (isSafetensors(bytes) && holdsGraph(readSafetensors(bytes, name).metadata)) {
    const { model, dense } = await parseModel(bytes, name);
    const same = JSON.stringify(dense) === JSON.stringify(model.graph);
    return same ? halved(model) : { dense: { graph: dense, params: initialise(dense, 1) }, pruned: model };
  }
  if (/\.onnx$/i.test(name)) return halved(channelsFirst(loadOnnx(bytes, name)).model);
  return halved(ofZoo(name, readWeights(bytes, name).tensors));
}

/** Where its filters can't go, the network is timed as it is. */
function halved(dense: Model): { dense: Model; pruned?: Model } {
  try {
    return { dense, pruned: pruneFilters(dense) };
  } catch (error) {
    if (error instanceof UserError) return { dense };
    throw error;
  }
}

/** Weights without a graph: of the network of the zoo that they fit. */
function ofZoo(file: string, tensors: StateDict): Model {
  for (const model of modelNames) {
    const graph = createModel(model);
    try {
      return { graph, params: loadWeights(graph, tensors, file) };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  throw new UserError(
    `${file}: holds ${tensors.size} tensors and no graph, and they fit no network of the zoo (${
      modelNames.join(", ")
    }): ` +
      `export the network as ONNX`,
  );
}
