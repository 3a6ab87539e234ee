import { UserError } from "../errors.ts";
import { type ModelMetadata, parseMetadata } from "../formats/metadata.ts";
import { readSafetensors, type StoredTensor, toFloat32 } from "../formats/safetensors.ts";
import type { Graph, Params } from "../graph/types.ts";

export function readWeights(
  bytes: Uint8Array,
  file: string,
): { tensors: ReadonlyMap<string, StoredTensor>; metadata: ModelMetadata } {
  const { tensors, metadata } = readSafetensors(bytes, file);
  return { tensors, metadata: parseMetadata(metadata, file) };
}

export function loadWeights(graph: Graph, tensors: ReadonlyMap<string, StoredTensor>, file: string): Params {
  return new Map(
    Object.entries(graph.params).map(([name, { shape }]) => {
      const tensor = tensors.get(name);
      if (!tensor || tensor.shape.join() !== shape.join()) throw new UserError(`${file}: no ${name} of [${shape}]`);
      return [name, { shape, data: toFloat32(tensor) }];
    }),
  );
}
