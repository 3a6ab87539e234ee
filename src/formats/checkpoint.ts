/**
 * A checkpoint is a safetensors file: tensors as tensors, everything else of a run as JSON in the metadata, and a
 * SHA-256 over both, so that a damaged file is refused instead of resumed from.
 */
import { UserError } from "../errors.ts";
import type { Store } from "../store/types.ts";
import {
  dtypeOf,
  readSafetensors,
  type Safetensors,
  type StoredTensor,
  type TensorData,
  writeSafetensors,
} from "./safetensors.ts";
import { sha256 } from "./sha256.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

export interface CheckpointTensor {
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export interface Checkpoint<State = unknown> {
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** `Json`; typed by its owner. */
  readonly state: State;
}

const FORMAT = "secateur-checkpoint";
const VERSION = "2";

/**
 * Replaces the checkpoint at `path` atomically.
 * @throws Error where `state` holds NaN or an infinity, which JSON would turn into null
 */
export async function saveCheckpoint(store: Store, path: string, checkpoint: Checkpoint): Promise<void> {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { shape, data }] of checkpoint.tensors) tensors.set(name, { dtype: dtypeOf(data), shape, data });
  const state = JSON.stringify(checkpoint.state, refuseNonFinite);
  const sha256 = await digest(state, tensors);
  await store.write(path, writeSafetensors(tensors, { format: FORMAT, version: VERSION, state, sha256 }));
}

/**
 * The checkpoint at `path`; undefined where there is none.
 * @throws UserError where the file is cut off, damaged, of another version or no checkpoint at all
 */
export async function loadCheckpoint<State = unknown>(
  store: Store,
  path: string,
): Promise<Checkpoint<State> | undefined> {
  const bytes = await store.read(path);
  if (!bytes) return undefined;
  const { tensors, metadata } = readTensors(bytes, path);
  const { format, version, state, sha256 } = metadata;
  if (format !== FORMAT) {
    throw new UserError(`${path}: holds tensors but is no checkpoint of Secateur; name the folder of a run`);
  }
  if (version !== VERSION) {
    throw new UserError(
      `${path}: checkpoint version ${version ?? "missing"}, this Secateur reads version ${VERSION}; ` +
        `resume it with the Secateur that wrote it, or start a new run`,
    );
  }
  if (state === undefined || sha256 !== await digest(state, tensors)) {
    throw new UserError(`${path}: damaged checkpoint, its SHA-256 doesn't match its content; start a new run`);
  }
  return { tensors, state: JSON.parse(state) };
}

/** What readers of tensors advise, to copy or download the file again, is no way out for one that a run has written. */
function readTensors(bytes: Uint8Array<ArrayBuffer>, path: string): Safetensors {
  try {
    return readSafetensors(bytes, path);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${path}: damaged checkpoint of ${bytes.length} bytes, it is cut off or was changed; restore it from a copy, or start a ` +
        "new run",
    );
  }
}

/** SHA-256 over a text, each tensor's description, and each tensor's own SHA-256, in order of name. */
export async function digest(text: string, tensors: ReadonlyMap<string, StoredTensor>): Promise<string> {
  const parts: string[] = [text];
  for (const [name, { dtype, shape, data }] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    parts.push(JSON.stringify([name, dtype, shape, await sha256(data)]));
  }
  return await sha256(new TextEncoder().encode(parts.join("\n")));
}

/** SHA-256 over a checkpoint's tensors, whatever else it says: of two runs that came to the same bits it is the same. */
export async function tensorsDigest({ tensors }: Checkpoint): Promise<string> {
  const stored = [...tensors].map(([name, { shape, data }]) => [name, { dtype: dtypeOf(data), shape, data }] as const);
  return await digest("", new Map(stored));
}

function refuseNonFinite(key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new Error(`checkpoint state: "${key}" is ${value}, which JSON cannot hold`);
  }
  return value;
}
