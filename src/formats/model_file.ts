/**
 * model.safetensors: a network with its graph, what it expects of its input, where its parameters lie in the dense
 * network, and a SHA-256 of it all. model.onnx: the network for everybody else.
 */
import { UserError } from "../errors.ts";
import { requireFinite } from "../graph/finite.ts";
import type { Graph, HostTensor, IndexMap, Model } from "../graph/types.ts";
import { validateModel } from "../graph/validate.ts";
import type { Store } from "../store/types.ts";
import { digest } from "./checkpoint.ts";
import { formatMetadata, type ModelMetadata, parseMetadata } from "./metadata.ts";
import { onnxBytes } from "./onnx/export.ts";
import { readSafetensors, type StoredTensor, toFloat32, writeSafetensors } from "./safetensors.ts";

export const MODEL_FILE = "model.safetensors";
export const ONNX_FILE = "model.onnx";
const FORMAT = "secateur-model";
const VERSION = "1";

/** What a model.safetensors holds. */
export interface ModelFile {
  /** The network as it is now. */
  readonly model: Model;
  /** The dense network's graph, and the place of each parameter in it. */
  readonly dense: Graph;
  /** Each parameter of the network: its sources in the dense one, and the kept indices. */
  readonly origin: IndexMap;
  /** What it expects of its input. */
  readonly metadata: ModelMetadata;
}

/** What the file holds of a network: itself, the dense one that it came from, and its place in that. */
export interface SavedModel {
  /** The network as it is now. */
  readonly model: Model;
  /** What it came from; the network itself where nothing was pruned. */
  readonly dense: Pick<Model, "graph">;
  /** Each parameter of the network: its sources in the dense one, and the kept indices. */
  readonly origin: IndexMap;
}

export async function writeModel(
  store: Store,
  dir: string,
  state: SavedModel,
  metadata: ModelMetadata = {},
): Promise<void> {
  await store.write(`${dir}/${MODEL_FILE}`, await modelBytes(state, metadata));
}

/** The bytes of a safetensors file that holds the network with its graph; `parseModel` reads it. */
export async function modelBytes(state: SavedModel, metadata: ModelMetadata = {}): Promise<Uint8Array<ArrayBuffer>> {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { shape, data }] of state.model.params) tensors.set(name, { dtype: "F32", shape, data });
  const graph = JSON.stringify(state.model.graph);
  const dense = JSON.stringify(state.dense.graph);
  const origin = JSON.stringify([...state.origin]);
  const texts = formatMetadata(metadata);
  const sha256 = await digest(graph + dense + origin + textOf(texts), tensors);
  const all = { format: FORMAT, version: VERSION, graph, dense, origin, ...texts, sha256 };
  return writeSafetensors(tensors, all);
}

/** The network as standard ONNX. */
export async function writeOnnx(store: Store, dir: string, model: Model, metadata: ModelMetadata): Promise<void> {
  await store.write(`${dir}/${ONNX_FILE}`, onnxBytes(model, formatMetadata(metadata)));
}

/** Throws UserError where the file is missing, damaged, or of another version. */
export async function readModel(store: Store, dir: string): Promise<ModelFile> {
  const file = `${dir}/${MODEL_FILE}`;
  const bytes = await store.read(file);
  if (!bytes) throw new UserError(`${file} is missing: name the folder of a finished run`);
  return await parseModel(bytes, file);
}

/** Whether a safetensors file holds a graph beside its weights. */
export function holdsGraph(metadata: Readonly<Record<string, string>>): boolean {
  return metadata.format === FORMAT;
}

/** Throws UserError where the file is damaged, or of another version. */
export async function parseModel(bytes: Uint8Array, file: string): Promise<ModelFile> {
  const { tensors, metadata } = readSafetensors(bytes, file);
  if (metadata.format !== FORMAT || metadata.version !== VERSION) {
    throw new UserError(
      `${file}: expected format ${FORMAT} version ${VERSION}, found ${metadata.format ?? "none"} ${
        metadata.version ?? ""
      }`,
    );
  }
  const { graph, dense, origin, sha256 } = metadata;
  const texts = Object.fromEntries(Object.entries(metadata).filter(([key]) => key.startsWith("secateur.")));
  if (sha256 !== await digest(graph + dense + origin + textOf(texts), tensors)) {
    throw new UserError(
      `${file}: damaged or changed, its SHA-256 doesn't match its content; resume the run to rewrite it`,
    );
  }
  const params = new Map<string, HostTensor>();
  for (const [name, tensor] of tensors) params.set(name, { shape: tensor.shape, data: toFloat32(tensor) });
  const described = parseMetadata(texts, file);
  try {
    const model: Model = { graph: JSON.parse(graph), params };
    validateModel(model);
    requireFinite(model, "its weights can't be used");
    return { model, dense: JSON.parse(dense), origin: new Map(JSON.parse(origin)), metadata: described };
  } catch (error) {
    throw new UserError(`${file}: damaged: ${(error as Error).message}`);
  }
}

/** In an order of their own: a file may be written anew by others. */
function textOf(texts: Readonly<Record<string, string>>): string {
  return Object.keys(texts).sort().map((key) => `${key}=${texts[key]}`).join("\n");
}
