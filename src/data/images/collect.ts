/** Image files of a folder or an archive to labelled pixels. */
import { UserError } from "../../errors.ts";
import type { Files } from "../files.ts";
import { arrange, type Arrangement, type ImageParts, isImagePath, type Sample } from "./arrange.ts";
import type { Picture } from "./picture.ts";
import { decodingBytes } from "./header.ts";
import { createDecoder } from "./pool.ts";

export interface CollectOptions {
  /** Side of the square that images are resized and cropped to; default: all must have one size already. */
  readonly size?: number;
  /** Told what was passed over. */
  readonly onNote?: (text: string) => void;
  /** Called as images are decoded; their number in all isn't known before the end of an archive. */
  readonly onImages?: (images: number) => void;
}

/** Files, and bytes that decoding them takes, that a thread gets at once: enough to make a message worth while. */
const BATCH = { files: 32, bytes: 2 ** 23 } as const;

/** No photograph has more; a header may promise any size. */
const LARGEST_FILE = 2 ** 26;

/** What a decoded image takes beside its pixels, in bytes: measured with images of one pixel, and rounded up. */
const BESIDE_PIXELS = 1280;

/**
 * Decodes every image. Greyscale files alone give one channel, otherwise all have three.
 * @throws UserError naming a file that isn't what it should be; see `arrange`
 */
export async function collectImages(files: Files, options: CollectOptions = {}): Promise<ImageParts> {
  const { onNote, onImages } = options;
  const decoded = new Map<string, Picture | string>();
  const folders: string[] = [];
  const passedOver: { count: number; first?: string } = { count: 0 };
  using decoder = createDecoder(options.size);
  const keep = keeper(files, decoded);
  const batches: Promise<void>[] = [];
  let batch: { path: string; bytes: Uint8Array<ArrayBuffer> }[] = [];
  let batchBytes = 0;
  let failure: unknown;
  const send = () => {
    const sent = batch;
    batch = [];
    batchBytes = 0;
    batches.push(
      decoder.decode(sent.map(({ bytes }) => bytes)).then((results) => {
        results.forEach((result, i) => keep(sent[i].path, result));
        onImages?.(decoded.size);
      }).catch((error) => failure ??= error),
    );
  };
  await files.read({
    wants(path, bytes) {
      const wanted = isImagePath(path, files.name);
      if (wanted && bytes > LARGEST_FILE) {
        throw new UserError(`${files.name}: ${path} has ${bytes} bytes, expected an image of at most ${LARGEST_FILE}`);
      }
      if (!wanted && passedOver.count++ === 0) passedOver.first = path;
      return wanted;
    },
    folder: (path) => void folders.push(path),
    file(path, bytes) {
      batch.push({ path, bytes });
      batchBytes += decodingBytes(bytes);
      if (batch.length === BATCH.files || batchBytes >= BATCH.bytes) send();
    },
    async room() {
      await decoder.room();
      if (failure) throw failure;
    },
  });
  if (batch.length > 0) send();
  await Promise.all(batches);
  if (failure) throw failure;

  if (passedOver.count > 0) {
    onNote?.(`${files.name}: passed over ${passedOver.count} files that are no images, such as ${passedOver.first}`);
  }
  const arrangement = arrange([...decoded.keys()], folders, files.name);
  return assemble(arrangement, decoded, files.name);
}

/** Puts pictures into a map, as long as they don't take more than their files may give. */
function keeper({ name, mostDecoded }: Files, decoded: Map<string, Picture | string>) {
  let bytes = 0;
  return (path: string, result: Picture | string) => {
    decoded.set(path, result);
    bytes += BESIDE_PIXELS + (typeof result === "string" ? 0 : result.planes.length);
    if (bytes > mostDecoded) {
      throw new UserError(
        `${name}: ${decoded.size} of its images already take more than ${mostDecoded} bytes, many times what the archive has: ` +
          `unpack it into a folder, if it shall`,
      );
    }
  };
}

/** Lets go of each picture once its pixels are in their part. */
function assemble(
  { classes, parts }: Arrangement,
  decoded: Map<string, Picture | string>,
  where: string,
): ImageParts {
  const samples = [...parts.values()].flat();
  requirePictures(samples, decoded, where);
  const pictures = decoded as ReadonlyMap<string, Picture>;
  const { height, width } = pictures.get(samples[0].path)!;
  requireOneSize(samples, pictures, where);
  const channels = samples.every(({ path }) => pictures.get(path)!.grey) ? 1 : 3;
  const size = channels * height * width;
  return new Map([...parts].map(([part, members]) => {
    const images = new Uint8Array(members.length * size);
    members.forEach(({ path }, i) => {
      images.set(pictures.get(path)!.planes.subarray(0, size), i * size);
      decoded.delete(path);
    });
    return [part, {
      name: where,
      classes: classes.length,
      classNames: classes,
      shape: [channels, height, width],
      count: members.length,
      images,
      labels: Uint16Array.from(members, ({ label }) => label),
      normalization: { scale: 255, mean: new Array(channels).fill(0), std: new Array(channels).fill(1) },
    }];
  }));
}

function requirePictures(
  samples: readonly Sample[],
  decoded: ReadonlyMap<string, Picture | string>,
  where: string,
): void {
  const wrong = samples.filter(({ path }) => typeof decoded.get(path) === "string");
  if (wrong.length === 0) return;
  const [{ path }] = wrong;
  const more = wrong.length > 1 ? ` (and so ${wrong.length - 1} more files)` : "";
  throw new UserError(
    `${where}: ${path} can't be decoded: ${decoded.get(path)}, expected a PNG or JPEG of 8 bits, grey or RGB${more}: ` +
      `convert or remove it`,
  );
}

function requireOneSize(samples: readonly Sample[], pictures: ReadonlyMap<string, Picture>, where: string): void {
  const sizeOf = ({ path }: Sample) => `${pictures.get(path)!.width}×${pictures.get(path)!.height}`;
  const other = samples.find((sample) => sizeOf(sample) !== sizeOf(samples[0]));
  if (!other) return;
  throw new UserError(
    `${where}: ${samples[0].path} has ${sizeOf(samples[0])} pixels, ${other.path} ${
      sizeOf(other)
    }, expected one size: ` +
      `give one that all are resized to, such as preprocess: { size: 32 }`,
  );
}
