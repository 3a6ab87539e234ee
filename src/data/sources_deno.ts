/** Data of one's own, named by kind and path: `folder:./images`, `folder:./images.tar.gz`, `cifar10:./cifar-10-batches-bin`. */
import { UserError } from "../errors.ts";
import { readCifar } from "./cifar.ts";
import { openFiles } from "./files_deno.ts";
import { type ImageCache, readImages, writeImages } from "./images/cache.ts";
import type { ImageParts } from "./images/arrange.ts";
import { collectImages, type CollectOptions } from "./images/collect.ts";
import { makeSplits, measureTraining, pick, type Published } from "./splits.ts";
import type { Source } from "./source.ts";
import { stratify } from "./stratify.ts";
import type { Dataset, Normalization, SplitOptions, Splits } from "./types.ts";

export interface SourceOptions extends CollectOptions {
  /** Where decoded images are kept; undefined: nowhere. */
  readonly cache: ImageCache | undefined;
  /** Told once why decoded images can't be kept. */
  readonly onWarning?: (text: string) => void;
}

const VALIDATION_FRACTION = 0.15;
const TEST_FRACTION = 0.2;

/** Throws UserError naming the file that is missing, damaged, or not what it should be. */
export async function readSource({ kind, path }: Source, options: SourceOptions): Promise<ImageParts> {
  const files = await openFiles(path);
  if (kind !== "folder") return await readCifar(kind, files);
  const { cache, size, onWarning } = options;
  if (!cache) return await collectImages(files, options);
  const key = { source: await Deno.realPath(path), size, fingerprint: files.fingerprint };
  let usable = true;
  const attempt = <T>(work: Promise<T>) =>
    work.catch((error) => {
      if (!(error instanceof UserError)) throw error;
      usable = false;
      onWarning?.(`decoded images aren't kept for the next run: ${error.message}`);
    });
  const kept = await attempt(readImages(cache, key, path));
  if (kept) return kept;
  const parts = await collectImages(files, options);
  if (usable) await attempt(writeImages(cache, key, parts));
  return parts;
}

/** Training, validation and test parts; where nobody divided the images, a fixed 20 % of each class is for testing. */
export function sourceSplits({ kind, path }: Source, parts: ImageParts, options: SplitOptions): Splits {
  return makeSplits({ ...publishedOf(parts, path, kind), key: kind }, VALIDATION_FRACTION, options);
}

/**
 * The normalisation that a run on these files measures: of its training images, also for another part. Where there are none,
 * as in a folder of test images alone, it is measured on `data`.
 */
export function sourceNormalization({ kind, path }: Source, parts: ImageParts, data: Dataset): Normalization {
  const divisible = parts.has("all") || (parts.has("train") && parts.has("test"));
  const published = divisible ? publishedOf(parts, path, kind) : { train: data };
  return measureTraining({ ...published, key: kind }, divisible ? VALIDATION_FRACTION : 0);
}

function publishedOf(parts: ImageParts, path: string, key: string): Published {
  const all = parts.get("all");
  if (all) {
    const held = Math.max(1, Math.round(all.count * TEST_FRACTION));
    const { taken, rest } = stratify(all.labels, all.classes, held, `data.split.${key}.test`);
    return { train: pick(all, rest), test: pick(all, taken), source: { train: rest, test: taken } };
  }
  const { train, validation, test } = Object.fromEntries(parts) as Partial<Record<string, Dataset>>;
  if (!train || !test) {
    throw new UserError(
      `${path}: found only ${[...parts.keys()].join(" and ")}, expected train and test folders, or class folders alone`,
    );
  }
  return { train, test, ...validation ? { validation } : {} };
}
