/** Data sets by name, from the file system or the network. The only door to them under Deno. */
import { UserError } from "../errors.ts";
import { denoStore } from "../store/deno.ts";
import { digitsSplits } from "./digits.ts";
import { download, type Progress } from "./download_deno.ts";
import {
  assertNotAnother,
  fashionMnist,
  mnist,
  type MnistFile,
  mnistFiles,
  type MnistLike,
  mnistSplits,
  type NamedBytes,
} from "./mnist.ts";
import type { PartName } from "./images/arrange.ts";
import { decodeImage } from "./images/decode.ts";
import { areUnlabelled, readUnlabelled, shapeOfFirst } from "./images/unlabelled.ts";
import { openFiles } from "./files_deno.ts";
import { adaptInput, type InputOptions } from "./input.ts";
import { parseSource, sourceKinds } from "./source.ts";
import { readSource, sourceNormalization, type SourceOptions, sourceSplits } from "./sources_deno.ts";
import type { Dataset, SplitOptions, Splits } from "./types.ts";
import { LEAST_UNLABELLED, unlabelledSplits, wantedUnlabelled } from "./unlabelled_splits.ts";

export type { Progress } from "./download_deno.ts";

export interface LoadOptions extends SplitOptions, InputOptions {
  /** "ignore" takes images of any folders, or a data set's, as if nobody had said what they show. Default: labels that there are. */
  readonly labels?: "use" | "ignore";
  /** Folder that holds the data set's files, or a subfolder named after it that does. */
  readonly dataDir?: string;
  /** Where downloads are kept; default cacheDir(). */
  readonly cacheDir?: string;
  /** Address under which the files are downloaded instead of the public one. */
  readonly mirror?: string;
  /** Called as a download goes on. */
  readonly onProgress?: (progress: Progress) => void;
  /** Called as image files are decoded: how many so far. */
  readonly onImages?: (images: number) => void;
  /** Told what was passed over. */
  readonly onNote?: (text: string) => void;
  /** Told once why decoded images can't be kept for the next run, which costs time and nothing else. */
  readonly onWarning?: (text: string) => void;
}

const sets: readonly MnistLike[] = [mnist, fashionMnist];

export const datasetNames: readonly string[] = [
  "digits",
  ...sets.map((set) => set.name),
  ...sourceKinds.map((kind) => `${kind}:<path>`),
];

/**
 * The parts of a data set: `folder:./images` and `cifar10:./dir` name files of one's own, digits is bundled; the others
 * are looked for in `dataDir`, then where the system's packages put them, then in the cache, and are else downloaded
 * into it. Throws UserError: unknown name, files missing, damaged or unreachable, or not what `options` expect.
 */
export async function loadDataset(name: string, options: LoadOptions = {}): Promise<Splits> {
  const splits = await splitsOf(name, options);
  const { size, sizeFrom = "given" } = options;
  if (size !== undefined && (splits.shape[1] !== size || splits.shape[2] !== size)) {
    throw new UserError(
      `data set "${name}": its images have ${splits.shape[1]}×${splits.shape[2]} pixels, ${
        sizeFrom === "given" ? `${size}×${size} are asked for` : `the network takes ${size}×${size}`
      }; ` +
        `only image files are resized: ${sizeFrom === "given" ? "leave the size out" : "choose another pair"}`,
    );
  }
  const [train, validation, test] = [splits.train, splits.validation, splits.test].map((part) =>
    adaptInput(part, options)
  );
  return { ...splits, shape: train.shape, train, validation, test };
}

/**
 * One part whole, to score a network on: of a data set, or of files that need no other part. Undivided files are one
 * part, "all", unless another is asked for, which is then the one that a run on them has. Its normalisation is the one that
 * a run on them measures, where nothing else is asked for.
 */
export async function loadPart(
  name: string,
  part: PartName | "all" | undefined,
  options: LoadOptions = {},
): Promise<{ readonly part: PartName | "all"; readonly data: Dataset }> {
  const source = parseSource(name);
  const parts = source && await readSource(source, imageOptions(options));
  const chosen = part ?? (parts?.has("all") ? "all" : "test");
  const data = parts?.get(chosen);
  if (data) {
    const measured = options.mean && options.std ? data.normalization : sourceNormalization(source!, parts!, data);
    return { part: chosen, data: adaptInput({ ...data, normalization: measured }, options) };
  }
  if (chosen === "all") {
    throw new UserError(`data set "${name}" has parts of its own, expected one of train, validation, test`);
  }
  return { part: chosen, data: (await loadDataset(name, options))[chosen] };
}

async function splitsOf(name: string, options: LoadOptions): Promise<Splits> {
  const source = parseSource(name);
  const unlabelled = source?.kind === "folder" ? await unlabelledFolder(source.path, options) : undefined;
  if (unlabelled) return unlabelledSplits(unlabelled, options);
  const splits = source
    ? sourceSplits(source, await readSource(source, imageOptions(options)), options)
    : await namedSplits(name, options);
  return options.labels === "ignore" ? { ...splits, labels: "absent" } : splits;
}

/** Undefined where the images lie in folders, which say what they show, unless that is to be ignored. */
async function unlabelledFolder(path: string, options: LoadOptions): Promise<Dataset | undefined> {
  const files = await openFiles(path);
  if (options.labels !== "ignore" && !await areUnlabelled(files)) return undefined;
  const [found, height, width] = await shapeOfFirst(files, decodeImage);
  const { channels = found, size, onNote, onImages } = options;
  const { data, notes } = await readUnlabelled(files, {
    shape: [channels, size ?? height, size ?? width],
    most: wantedUnlabelled(options),
    least: LEAST_UNLABELLED,
    decode: decodeImage,
    onImages,
  });
  for (const note of notes) onNote?.(note);
  onNote?.(`${path}: ${data.count} images without labels`);
  return { ...data, name: path };
}

function imageOptions(options: LoadOptions): SourceOptions {
  let folder: string | undefined;
  try {
    folder = `${options.cacheDir ?? cacheDir()}/images`;
  } catch {
    options.onWarning?.("decoded images aren't kept for the next run: set SECATEUR_CACHE to a folder for them");
  }
  return { ...options, cache: folder === undefined ? undefined : { store: denoStore(), folder } };
}

async function namedSplits(name: string, options: LoadOptions): Promise<Splits> {
  if (name === "digits") {
    const file = new URL("./digits/digits.csv.gz", import.meta.url);
    return digitsSplits(await Deno.readFile(file), options, file.pathname);
  }
  const set = sets.find((set) => set.name === name);
  if (!set) throw new UserError(`found data set "${name}", expected one of: ${datasetNames.join(", ")}`);
  return mnistSplits(set, await findFiles(set, options), options);
}

/** Where downloads are kept: $SECATEUR_CACHE, else $XDG_CACHE_HOME/secateur, else ~/.cache/secateur. */
export function cacheDir(env: (name: string) => string | undefined = (name) => Deno.env.get(name)): string {
  const own = env("SECATEUR_CACHE");
  if (own) return own;
  const xdg = env("XDG_CACHE_HOME");
  if (xdg) return `${xdg}/secateur`;
  const home = env("HOME") ?? env("USERPROFILE");
  if (!home) {
    throw new UserError(
      "found no folder for downloads: set SECATEUR_CACHE to one, or give the data's own folder with --data-dir",
    );
  }
  return `${home}/.cache/secateur`;
}

type Files = Record<MnistFile, NamedBytes>;

async function findFiles(set: MnistLike, options: LoadOptions): Promise<Files> {
  const { dataDir } = options;
  if (dataDir !== undefined && !(await isDirectory(dataDir))) {
    throw new UserError(`--data-dir "${dataDir}": found no such folder, expected one that holds ${set.name}'s files`);
  }
  const given = dataDir === undefined ? [] : [`${dataDir}/${set.name}`, dataDir];
  for (const folder of [...given, ...set.installed]) {
    const files = await readFolder(folder);
    if (files) {
      await assertNotAnother(set, files["t10k-labels-idx1-ubyte"], sets);
      return files;
    }
  }
  return await cached(set, options);
}

/** The four files of a folder; undefined where it holds none of them. Throws UserError where it holds only some. */
async function readFolder(folder: string): Promise<Files | undefined> {
  const entries = await Promise.all(mnistFiles.map(async (name) => [name, await findFile(folder, name)] as const));
  const missing = entries.filter(([, path]) => !path).map(([name]) => name);
  if (missing.length === mnistFiles.length) return undefined;
  if (missing.length > 0) {
    throw new UserError(
      `${folder}: found no ${missing.join(", no ")} (nor .gz), expected all four files: add what is missing`,
    );
  }
  const files = await Promise.all(entries.map(async ([name, path]) => [name, await readNamed(path!)] as const));
  return Object.fromEntries(files) as Files;
}

/** The path of a file, gzipped or not; some copies are named `train-images.idx3-ubyte`. */
async function findFile(folder: string, name: string): Promise<string | undefined> {
  const dotted = name.replace("-idx", ".idx");
  for (const file of [name, `${name}.gz`, dotted, `${dotted}.gz`]) {
    try {
      if ((await Deno.stat(`${folder}/${file}`)).isFile) return `${folder}/${file}`;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw unreadable(`${folder}/${file}`, error);
    }
  }
}

async function cached(set: MnistLike, options: LoadOptions): Promise<Files> {
  const folder = `${options.cacheDir ?? cacheDir()}/${set.name}`;
  const files: Partial<Files> = {};
  for (const name of mnistFiles) {
    const path = await findFile(folder, name) ?? await download({
      url: `${(options.mirror ?? set.url).replace(/\/*$/, "/")}${name}.gz`,
      to: `${folder}/${name}.gz`,
      sha256: set.sha256[name],
      onProgress: options.onProgress,
    }).catch((error) => {
      // Whoever gave a folder should learn that it was looked into in vain.
      if (options.dataDir === undefined || !(error instanceof UserError)) throw error;
      throw new UserError(
        `--data-dir "${options.dataDir}": found no ${mnistFiles[0]}[.gz] there; then ${error.message}`,
      );
    });
    files[name] = await readNamed(path);
  }
  return files as Files;
}

async function readNamed(file: string): Promise<NamedBytes> {
  try {
    return { file, bytes: await Deno.readFile(file) };
  } catch (error) {
    throw unreadable(file, error);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): UserError {
  return new UserError(
    `${path}: could not be read (${error instanceof Error ? error.message : error}), expected a readable file: ` +
      `check its permissions`,
  );
}
