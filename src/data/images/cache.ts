/**
 * Decoded images kept between runs: a file for each source, replaced when the source has changed or the file is damaged, as
 * its SHA-256 tells.
 */
import { digest } from "../../formats/checkpoint.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../formats/safetensors.ts";
import { sha256 } from "../../formats/sha256.ts";
import { joinPath } from "../../store/path.ts";
import type { Store } from "../../store/types.ts";
import type { Dataset } from "../types.ts";
import type { ImageParts, PartName } from "./arrange.ts";

const FORMAT = "secateur-images";
/** Raised when the same files would decode to other pixels or in another order, or the file says other things of itself. */
const VERSION = "2";

export interface ImageCache {
  readonly store: Store;
  readonly folder: string;
}

export interface CacheKey {
  /** Names the source for good: its full path. */
  readonly source: string;
  readonly size: number | undefined;
  /** Of `Files`; where it differs from the kept one, the kept images are stale. */
  readonly fingerprint: string;
}

/**
 * What is kept of the source; undefined where there is nothing, or it is stale or damaged.
 * @throws UserError where the cache's folder can't be read
 */
export async function readImages(cache: ImageCache, key: CacheKey, name: string): Promise<ImageParts | undefined> {
  const path = await pathOf(cache, key);
  const bytes = await cache.store.read(path);
  if (!bytes) return undefined;
  try {
    const { metadata, tensors } = readSafetensors(bytes, path);
    const { format, version, fingerprint, sha256 } = metadata;
    if (format !== FORMAT || version !== VERSION || fingerprint !== await hash(key.fingerprint)) return undefined;
    if (sha256 !== await digestOf(metadata, tensors)) return undefined;
    const classNames: string[] = JSON.parse(metadata.classes);
    const parts = JSON.parse(metadata.parts) as (PartName | "all")[];
    return new Map(parts.map((part) => {
      const images = tensors.get(`${part}.images`)!;
      const labels = tensors.get(`${part}.labels`)!;
      const [count, channels, height, width] = images.shape;
      return [
        part,
        {
          name,
          classes: classNames.length,
          classNames,
          shape: [channels, height, width],
          count,
          images: images.data as Uint8Array<ArrayBuffer>,
          labels: labels.data as Uint16Array<ArrayBuffer>,
          normalization: { scale: 255, mean: new Array(channels).fill(0), std: new Array(channels).fill(1) },
        } satisfies Dataset,
      ];
    }));
  } catch {
    return undefined;
  }
}

/** @throws UserError where the cache's folder can't be written */
export async function writeImages(cache: ImageCache, key: CacheKey, parts: ImageParts): Promise<void> {
  const tensors = new Map<string, StoredTensor>();
  let classes: readonly string[] = [];
  for (const [part, { count, shape, images, labels, classNames }] of parts) {
    tensors.set(`${part}.images`, { dtype: "U8", shape: [count, ...shape], data: images });
    tensors.set(`${part}.labels`, { dtype: "U16", shape: [count], data: labels });
    classes = classNames ?? [];
  }
  const metadata = {
    format: FORMAT,
    version: VERSION,
    source: key.source,
    fingerprint: await hash(key.fingerprint),
    parts: JSON.stringify([...parts.keys()]),
    classes: JSON.stringify(classes),
  };
  const sha256 = await digestOf(metadata, tensors);
  await cache.store.write(await pathOf(cache, key), writeSafetensors(tensors, { ...metadata, sha256 }));
}

/** Over the images and all that is said of them: a flipped bit in either gives another one. */
async function digestOf(
  { fingerprint, parts, classes }: Readonly<Record<string, string>>,
  tensors: ReadonlyMap<string, StoredTensor>,
): Promise<string> {
  return await digest(JSON.stringify([fingerprint, parts, classes]), tensors);
}

async function pathOf({ folder }: ImageCache, { source, size }: CacheKey): Promise<string> {
  return joinPath(folder, `${(await hash(JSON.stringify([source, size ?? null]))).slice(0, 32)}.safetensors`);
}

async function hash(text: string): Promise<string> {
  return await sha256(new TextEncoder().encode(text));
}
