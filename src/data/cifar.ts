/** CIFAR-10 and CIFAR-100 in their binary form: records of one or two labels and 3×32×32 bytes, channel after channel. */
import { UserError } from "../errors.ts";
import type { Files } from "./files.ts";
import type { ImageParts } from "./images/arrange.ts";
import type { Dataset } from "./types.ts";

interface CifarSet {
  readonly classes: number;
  readonly train: readonly string[];
  readonly test: string;
  readonly names: string;
  /** Labels in front of the pixels, and which of them counts: CIFAR-100 has the coarse one first. */
  readonly labels: 1 | 2;
  readonly label: 0 | 1;
}

const hundred = { train: ["train.bin"], test: "test.bin", labels: 2 } as const;

/** cifar100 has 100 classes; cifar100-coarse the 20 that its authors put them together to. */
export const cifarSets: Readonly<Record<string, CifarSet>> = {
  cifar10: {
    classes: 10,
    train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
    test: "test_batch.bin",
    names: "batches.meta.txt",
    labels: 1,
    label: 0,
  },
  cifar100: { ...hundred, classes: 100, names: "fine_label_names.txt", label: 1 },
  "cifar100-coarse": { ...hundred, classes: 20, names: "coarse_label_names.txt", label: 0 },
};

const SHAPE = [3, 32, 32] as const;
const PIXELS = 3 * 32 * 32;

/** Of all files together; CIFAR-100 has 184 million. */
const MOST_BYTES = 190_000_000;

/**
 * The files may lie in any folder of `files`, as in the published archive.
 * @throws UserError where one is missing, or isn't what its name says
 */
export async function readCifar(kind: string, files: Files): Promise<ImageParts> {
  const set = cifarSets[kind];
  const wanted = [...set.train, set.test, set.names];
  const seen = new Set<string>();
  let all = 0;
  const found = new Map<string, Uint8Array<ArrayBuffer>>();
  const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  await files.read({
    wants(path, bytes) {
      const name = nameOf(path);
      if (!wanted.includes(name)) return false;
      all += bytes;
      if (all > MOST_BYTES) {
        throw new UserError(
          `${files.name}: its files have ${all} bytes, more than ${MOST_BYTES}, which ${kind} hasn't`,
        );
      }
      if (seen.has(name)) throw new UserError(`${files.name}: holds ${name} twice, expected it once`);
      seen.add(name);
      return true;
    },
    file: (path, bytes) => void found.set(nameOf(path), bytes),
  });
  const missing = [...set.train, set.test].filter((name) => !found.has(name));
  if (missing.length > 0) {
    throw new UserError(`${files.name}: found no ${missing.join(", no ")}, expected the binary version of ${kind}`);
  }
  const names = found.get(set.names);
  const classNames = names && new TextDecoder().decode(names).split("\n").map((line) => line.trim()).filter(Boolean);
  const read = (parts: readonly string[]) =>
    records(set, kind, parts.map((name) => ({ file: `${files.name}/${name}`, bytes: found.get(name)! })), classNames);
  return new Map([["train", read(set.train)], ["test", read([set.test])]]);
}

function records(
  { classes, labels: before, label: at }: CifarSet,
  kind: string,
  parts: readonly { file: string; bytes: Uint8Array<ArrayBuffer> }[],
  classNames: readonly string[] | undefined,
): Dataset {
  const record = before + PIXELS;
  for (const { file, bytes } of parts) {
    if (bytes.length === 0 || bytes.length % record !== 0) {
      throw new UserError(`${file}: found ${bytes.length} bytes, expected a multiple of ${record}, as ${kind} has`);
    }
  }
  const count = parts.reduce((sum, { bytes }) => sum + bytes.length / record, 0);
  // The pixels of a single file move together where they are: a part of CIFAR-100 isn't in memory twice.
  const images = parts.length === 1 ? parts[0].bytes.subarray(0, count * PIXELS) : new Uint8Array(count * PIXELS);
  const labels = new Uint16Array(count);
  let i = 0;
  for (const { file, bytes } of parts) {
    for (let from = 0; from < bytes.length; from += record, i++) {
      labels[i] = bytes[from + at];
      if (labels[i] >= classes) {
        throw new UserError(`${file}: record ${from / record} has label ${labels[i]}, expected 0 to ${classes - 1}`);
      }
      images.set(bytes.subarray(from + before, from + record), i * PIXELS);
    }
    if (bytes.buffer !== images.buffer) bytes.buffer.transfer(0);
  }
  return {
    name: kind,
    classes,
    classNames: classNames?.length === classes ? classNames : undefined,
    shape: SHAPE,
    count,
    images,
    labels,
    normalization: { scale: 255, mean: [0, 0, 0], std: [1, 1, 1] },
  };
}
