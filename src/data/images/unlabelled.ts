/** Images of which nobody says what they show: all that pruning without labels looks at. */
import { show, UserError } from "../../errors.ts";
import type { Files } from "../files.ts";
import type { Dataset } from "../types.ts";
import { compareBytes, isImagePath } from "./arrange.ts";
import type { Picture } from "./picture.ts";
import { resizeAndCrop } from "./resize.ts";

export interface UnlabelledOptions {
  /** [C, H, W] of what is wanted. Images of another size are resized and cropped where H = W. */
  readonly shape: Dataset["shape"];
  /** So many at most, spread evenly over the paths in byte order. */
  readonly most: number;
  /** Fewer are refused. */
  readonly least: number;
  /** Throws an Error whose message says what was found instead of an image. */
  readonly decode: (bytes: Uint8Array<ArrayBuffer>) => Promise<Picture>;
  /** Stops after the image in progress. */
  readonly signal?: AbortSignal;
  /** Told after each image. */
  readonly onImages?: (done: number, total: number) => void;
}

export interface Unlabelled {
  /** One class, whose label says nothing; pixels as they are in the files. */
  readonly data: Dataset;
  /** What was passed over or changed, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Reads images of any folders, without classes. Those that can't be decoded are passed over and told.
 *
 * @throws UserError where too few are left, or they don't fit the shape; the signal's reason when it is aborted
 */
export async function readUnlabelled(files: Files, options: UnlabelledOptions): Promise<Unlabelled> {
  const { shape, most, least, decode, signal, onImages } = options;
  requireReadable(shape);
  const chosen = await chosenPaths(files, most);
  const images = new Map<string, Uint8Array>();
  const broken: string[] = [], resized: string[] = [];
  let waiting: { readonly path: string; readonly bytes: Uint8Array<ArrayBuffer> }[] = [];
  const decodeWaiting = async () => {
    const now = waiting;
    waiting = [];
    for (const { path, bytes } of now) {
      signal?.throwIfAborted();
      const picture = await decode(bytes).catch((error: Error) => error.message);
      if (typeof picture === "string") broken.push(`${show(path)}: ${picture}`);
      else {
        if (picture.height !== shape[1] || picture.width !== shape[2]) resized.push(path);
        images.set(path, planesFor(shape, path, picture));
      }
      onImages?.(images.size + broken.length, chosen.size);
    }
  };
  await files.read({
    wants: (path) => chosen.has(path),
    file: (path, bytes) => void waiting.push({ path, bytes }),
    room: decodeWaiting,
  });
  await decodeWaiting();
  const notes: string[] = [];
  if (broken.length > 0) notes.push(`${broken.length} of ${chosen.size} images can't be decoded, such as ${broken[0]}`);
  if (images.size < least) {
    throw new UserError(
      `found ${images.size} images, expected ${least} at least: give more of what the network is to see` +
        (notes.length > 0 ? ` (${notes[0]})` : ""),
    );
  }
  if (resized.length > 0) notes.push(`${resized.length} images were resized and cropped to ${shape[2]}×${shape[1]}`);
  return { data: datasetOf(images, shape), notes };
}

/**
 * Whether all images lie side by side, in no folder: then nobody says what they show. What comes behind the first one in a folder
 * isn't looked at.
 */
export async function areUnlabelled(files: Files): Promise<boolean> {
  const inFolder = new UserError(`${files.name}: an image lies in a folder`);
  let images = 0;
  try {
    await files.read({
      wants(path) {
        if (isImagePath(path, files.name) && ++images > 0 && path.includes("/")) throw inFolder;
        return false;
      },
      file() {},
    });
  } catch (error) {
    if (error === inFolder) return false;
    throw error;
  }
  return images > 0;
}

/**
 * [C, H, W] of the first image in the byte order of the paths: where nothing else says what is wanted.
 *
 * @throws UserError where there is none, or it can't be decoded
 */
export async function shapeOfFirst(
  files: Files,
  decode: UnlabelledOptions["decode"],
): Promise<Dataset["shape"]> {
  const [first] = await chosenPaths(files, 1);
  let bytes = new Uint8Array();
  await files.read({ wants: (path) => path === first, file: (_, found) => void (bytes = found) });
  const { grey, height, width } = await decode(bytes).catch((error: Error) => {
    throw new UserError(`${files.name}: ${show(first)}: ${error.message}: leave it out, or give the images' size`);
  });
  return [grey ? 1 : 3, height, width];
}

function requireReadable([channels]: Dataset["shape"]): void {
  if (channels === 1 || channels === 3) return;
  throw new UserError(`the network takes images of ${channels} channels, expected 1 or 3, as PNG and JPEG files have`);
}

/** @throws UserError where there is no image, or one of a format that isn't read */
async function chosenPaths(files: Files, most: number): Promise<ReadonlySet<string>> {
  const paths: string[] = [];
  await files.read({
    wants(path) {
      if (isImagePath(path, files.name)) paths.push(path);
      return false;
    },
    file() {},
  });
  if (paths.length === 0) {
    throw new UserError(`${files.name}: found no PNG or JPEG files: choose some, or their folder`);
  }
  const sorted = paths.toSorted(compareBytes);
  const count = Math.min(most, sorted.length);
  return new Set(Array.from({ length: count }, (_, i) => sorted[Math.floor(i * sorted.length / count)]));
}

/** [C, H, W] of one image. */
function planesFor([channels, height, width]: Dataset["shape"], path: string, picture: Picture): Uint8Array {
  const { height: h, width: w, grey } = picture;
  if (channels === 1 && !grey) {
    throw new UserError(`${show(path)} has colours, and the network takes one channel: give grey images`);
  }
  if (height !== width && (h !== height || w !== width)) {
    throw new UserError(
      `${show(path)} has ${w}×${h} pixels, expected ${width}×${height}, as the network takes them: resize the images`,
    );
  }
  const { planes } = h === height && w === width ? picture : resizeAndCrop(picture, height);
  return planes.subarray(0, channels * height * width);
}

/** In the byte order of their paths, whatever the order in which they were read. */
function datasetOf(images: ReadonlyMap<string, Uint8Array>, shape: Dataset["shape"]): Dataset {
  const [channels, height, width] = shape;
  const size = channels * height * width;
  const pixels = new Uint8Array(images.size * size);
  [...images.keys()].sort(compareBytes).forEach((path, i) => pixels.set(images.get(path)!, i * size));
  return {
    name: "the images",
    classes: 1,
    shape,
    count: images.size,
    images: pixels,
    labels: new Uint16Array(images.size),
    normalization: { scale: 255, mean: new Array(channels).fill(0), std: new Array(channels).fill(1) },
  };
}
