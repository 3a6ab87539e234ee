import { UserError } from "../errors.ts";
import { readIdx } from "./idx.ts";
import { contentSha256 } from "./sha256.ts";
import { makeSplits } from "./splits.ts";
import type { Dataset, Normalization, SplitOptions, Splits } from "./types.ts";

/** A data set published as the four files of MNIST. */
export interface MnistLike {
  readonly name: string;
  /** Published constants. */
  readonly normalization: Normalization;
  /** Where the files can be downloaded, as `<url><file>.gz`. */
  readonly url: string;
  /** Folders in which a system's packages put the files. */
  readonly installed: readonly string[];
  /** SHA-256 of each file's unpacked contents: repacked archives differ, contents don't. */
  readonly sha256: Readonly<Record<MnistFile, string>>;
}

export type MnistFile =
  | "train-images-idx3-ubyte"
  | "train-labels-idx1-ubyte"
  | "t10k-images-idx3-ubyte"
  | "t10k-labels-idx1-ubyte";

export const mnistFiles: readonly MnistFile[] = [
  "train-images-idx3-ubyte",
  "train-labels-idx1-ubyte",
  "t10k-images-idx3-ubyte",
  "t10k-labels-idx1-ubyte",
];

export const mnist: MnistLike = {
  name: "mnist",
  normalization: { scale: 255, mean: [0.1307], std: [0.3081] },
  url: "https://ossci-datasets.s3.amazonaws.com/mnist/",
  installed: [],
  sha256: {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
  },
};

export const fashionMnist: MnistLike = {
  name: "fashion-mnist",
  normalization: { scale: 255, mean: [0.286], std: [0.353] },
  url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
  installed: ["/usr/share/datasets/fashion-mnist"],
  sha256: {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
  },
};

const CLASSES = 10;
const SIDE = 28;
const VALIDATION_FRACTION = 1 / 12; // 5,000 of 60,000

/** A file's bytes (gzipped or not) and the name under which errors speak of it. */
export interface NamedBytes {
  readonly file: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The parts of an MNIST-like data set from its four files. Throws UserError naming the file that is wrong. */
export async function mnistSplits(
  set: MnistLike,
  files: Readonly<Record<MnistFile, NamedBytes>>,
  options: SplitOptions = {},
): Promise<Splits> {
  const [train, test] = await Promise.all([
    pair(set, files["train-images-idx3-ubyte"], files["train-labels-idx1-ubyte"]),
    pair(set, files["t10k-images-idx3-ubyte"], files["t10k-labels-idx1-ubyte"]),
  ]);
  return makeSplits({ train, test }, VALIDATION_FRACTION, options, set.normalization);
}

/**
 * MNIST and its descendants share file names and shapes, so a wrong folder would go unnoticed: the test labels tell
 * them apart. Throws UserError where they are those of another of `sets`.
 */
export async function assertNotAnother(
  set: MnistLike,
  { file, bytes }: NamedBytes,
  sets: readonly MnistLike[],
): Promise<void> {
  const found = await contentSha256(bytes, file);
  const other = sets.find((other) => other !== set && other.sha256["t10k-labels-idx1-ubyte"] === found);
  if (!other) return;
  throw new UserError(
    `${file}: found the labels of "${other.name}", expected those of "${set.name}": ` +
      `give the folder that holds the latter, or its parent`,
  );
}

async function pair(set: MnistLike, imageFile: NamedBytes, labelFile: NamedBytes): Promise<Dataset> {
  const images = await readIdx(imageFile.bytes, 3, imageFile.file);
  const labels = await readIdx(labelFile.bytes, 1, labelFile.file);
  const [count, height, width] = images.dims;
  if (height !== SIDE || width !== SIDE || count === 0) {
    throw new UserError(
      `${imageFile.file}: found ${count} images of ${height}×${width}, expected at least one and ${SIDE}×${SIDE} as ` +
        `"${set.name}" has: is this the right file?`,
    );
  }
  if (labels.dims[0] !== count) {
    throw new UserError(
      `${labelFile.file}: found ${
        labels.dims[0]
      } labels, expected ${count}, one for each image of ${imageFile.file}: ` +
        `take both from the same source`,
    );
  }
  const wrong = labels.data.findIndex((label) => label >= CLASSES);
  if (wrong >= 0) {
    throw new UserError(
      `${labelFile.file}: found label ${labels.data[wrong]} at position ${wrong}, expected 0 to ${CLASSES - 1}: ` +
        `the file is damaged or of another data set`,
    );
  }
  return {
    name: set.name,
    classes: CLASSES,
    shape: [1, SIDE, SIDE],
    count,
    images: images.data,
    labels: Uint16Array.from(labels.data),
    normalization: set.normalization,
  };
}
