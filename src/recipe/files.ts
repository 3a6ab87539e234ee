/** model.safetensors: a network with its graph, where its parameters lie in the dense network, and a SHA-256 of it all. */
import { UserError } from "../errors.ts";
import { digest } from "../formats/checkpoint.ts";
import { readSafetensors, type StoredTensor, toFloat32, writeSafetensors } from "../formats/safetensors.ts";
import type { Graph, HostTensor, IndexMap, Model } from "../graph/types.ts";
import { validateModel } from "../graph/validate.ts";
import type { Store } from "../store/types.ts";
import type { RunState } from "./run.ts";

const FILE = "model.safetensors";
const FORMAT = "secateur-model";
const VERSION = "1";

export interface ModelFile {
  readonly model: Model;
  /** The dense network's graph, and the place of each parameter in it. */
  readonly dense: Graph;
  readonly origin: IndexMap;
}

/** What of a run's state the file holds. */
export type SavedModel = Pick<RunState, "model" | "origin"> & { readonly dense: Pick<Model, "graph"> };

export async function writeModel(store: Store, dir: string, state: SavedModel): Promise<void> {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { shape, data }] of state.model.params) tensors.set(name, { dtype: "F32", shape, data });
  const graph = JSON.stringify(state.model.graph);
  const dense = JSON.stringify(state.dense.graph);
  const origin = JSON.stringify([...state.origin]);
  const sha256 = await digest(graph + dense + origin, tensors);
  const metadata = { format: FORMAT, version: VERSION, graph, dense, origin, sha256 };
  await store.write(`${dir}/${FILE}`, writeSafetensors(tensors, metadata));
}

/** Throws UserError where the file is missing, damaged, or of another version. */
export async function readModel(store: Store, dir: string): Promise<ModelFile> {
  const file = `${dir}/${FILE}`;
  const bytes = await store.read(file);
  if (!bytes) throw new UserError(`${file} is missing: name the folder of a finished run`);
  const { tensors, metadata } = readSafetensors(bytes, file);
  if (metadata.format !== FORMAT || metadata.version !== VERSION) {
    throw new UserError(
      `${file}: expected format ${FORMAT} version ${VERSION}, found ${metadata.format ?? "none"} ${
        metadata.version ?? ""
      }`,
    );
  }
  const { graph, dense, origin, sha256 } = metadata;
  if (sha256 !== await digest(graph + dense + origin, tensors)) {
    throw new UserError(
      `${file}: damaged or changed, its SHA-256 doesn't match its content; resume the run to rewrite it`,
    );
  }
  const params = new Map<string, HostTensor>();
  for (const [name, tensor] of tensors) params.set(name, { shape: tensor.shape, data: toFloat32(tensor) });
  try {
    const model: Model = { graph: JSON.parse(graph), params };
    validateModel(model);
    return { model, dense: JSON.parse(dense), origin: new Map(JSON.parse(origin)) };
  } catch (error) {
    throw new UserError(`${file}: damaged: ${(error as Error).message}`);
  }
}
