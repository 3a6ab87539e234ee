/** Weight files of any supported format. */
import { UserError } from "../errors.ts";
import { type ModelMetadata, parseMetadata } from "./metadata.ts";
import { loadOnnx } from "./onnx/import.ts";
import { readOnnx } from "./onnx/read.ts";
import type { External } from "./onnx/tensors.ts";
import { isArchive, isPickle, readPth } from "./pth/read.ts";
import { isSafetensors, readSafetensors, type StoredTensor } from "./safetensors.ts";

/** Tensors by name, as the file has them. */
export type StateDict = ReadonlyMap<string, StoredTensor>;

/** What a file of weights holds. */
export interface Weights {
  /** By the names that the file gives them. */
  readonly tensors: StateDict;
  /** What the file says of its network's inputs and outputs; a checkpoint of PyTorch says nothing. */
  readonly metadata: ModelMetadata;
}

/**
 * The tensors of a safetensors file, of a PyTorch checkpoint (.pth, .pt, .th) or of an ONNX model. The content decides
 * which it is, whatever the file's name says.
 *
 * @param file names the file in errors
 * @param external the files beside an ONNX file that hold its numbers, by location (see `readExternal`)
 * @throws UserError for a file that is damaged, of another format, or holds something else than weights
 */
export function readWeights(bytes: Uint8Array, file: string, external: External = new Map()): Weights {
  if (isArchive(bytes) || isPickle(bytes)) return { tensors: readPth(bytes, file), metadata: {} };
  if (isSafetensors(bytes)) {
    const { tensors, metadata } = readSafetensors(bytes, file);
    return { tensors, metadata: parseMetadata(metadata, file) };
  }
  if (isOnnx(bytes)) {
    const { params } = loadOnnx(bytes, file, external);
    const texts = Object.fromEntries(readOnnx(bytes, file).properties.map(({ key, value }) => [key, value]));
    const tensors = new Map(
      [...params].map(([name, { shape, data }]) => [name, { dtype: "F32" as const, shape, data }]),
    );
    return { tensors, metadata: parseMetadata(texts, file) };
  }
  throw new UserError(`${file}: ${otherContent(bytes)}; expected safetensors, a checkpoint by torch.save, or ONNX`);
}

/** Every exporter writes ModelProto's first field first: 1, the IR version, a varint. */
export function isOnnx(bytes: Uint8Array): boolean {
  return bytes[0] === 0x08;
}

/** What people name as a weight file by mistake, by its first bytes. */
const OTHERS: readonly (readonly [begins: string, what: string])[] = [
  ["version https://git-lfs", "a pointer of Git LFS, not the file itself; run `git lfs pull`"],
  ["<", "a web page; download the file itself"],
  ["\x1f\x8b", "gzip; unpack it first"],
  ["\x89HDF", "HDF5, which isn't supported"],
  ["\x93NUMPY", "a NumPy array, which isn't supported"],
];

function otherContent(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const head = String.fromCharCode(...bytes.subarray(0, 32));
  const known = OTHERS.find(([begins]) => head.startsWith(begins));
  if (known) return known[1];
  const hex = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `an unknown format, whose first bytes are ${hex}`;
}
