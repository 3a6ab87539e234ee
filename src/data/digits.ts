import { UserError } from "../errors.ts";
import { gunzip } from "./gzip.ts";
import { makeSplits, pick } from "./splits.ts";
import { stratify } from "./stratify.ts";
import type { Dataset, SplitOptions, Splits } from "./types.ts";

const CLASSES = 10;
const PIXELS = 64;
const DEEPEST = 16;
const TEST_FRACTION = 0.2;
const VALIDATION_FRACTION = 0.15;

/**
 * The bundled digits from the bytes of digits.csv(.gz): 1,797 images of 1×8×8 with 17 shades. No test part was
 * published: a fixed 20 % of each class is one, the same in every run; normalised by the training part's mean and
 * standard deviation. Throws UserError naming `file`.
 */
export async function digitsSplits(
  bytes: Uint8Array<ArrayBuffer>,
  options: SplitOptions = {},
  file = "digits.csv.gz",
): Promise<Splits> {
  const all = parseDigits(new TextDecoder().decode(await gunzip(bytes, file)), file);
  const held = Math.round(all.count * TEST_FRACTION);
  const { taken, rest } = stratify(all.labels, CLASSES, held, "data.split.digits.test");
  const source = { train: rest, test: taken };
  return makeSplits({ train: pick(all, rest), test: pick(all, taken), source }, VALIDATION_FRACTION, options);
}

/** The same from an address: for pages, which are served the file. Throws UserError when it can't be fetched. */
export async function fetchDigits(url: string | URL, options: SplitOptions = {}): Promise<Splits> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new UserError(
      `data set "digits": could not fetch ${url} (${error instanceof Error ? error.message : error}); expected ` +
        `digits.csv.gz there: check that it is served beside the page`,
    );
  }
  return digitsSplits(bytes, options, String(url));
}

function parseDigits(text: string, file: string): Dataset {
  const lines = text.trimEnd().split("\n");
  const images = new Uint8Array(lines.length * PIXELS);
  const labels = new Uint16Array(lines.length);
  lines.forEach((line, i) => {
    const values = line.split(",").map((value) => value.trim() === "" ? NaN : Number(value));
    const whole = values.length === PIXELS + 1 &&
      values.every((v, j) => Number.isInteger(v) && v >= 0 && v <= (j < PIXELS ? DEEPEST : CLASSES - 1));
    if (!whole) {
      throw new UserError(
        `${file}, line ${i + 1}: found "${line.length > 40 ? line.slice(0, 40) + "…" : line}", expected ${PIXELS} ` +
          `pixels from 0 to ${DEEPEST} and a label from 0 to ${CLASSES - 1}: restore the bundled file`,
      );
    }
    images.set(values.slice(0, PIXELS), i * PIXELS);
    labels[i] = values[PIXELS];
  });
  return {
    name: "digits",
    classes: CLASSES,
    shape: [1, 8, 8],
    count: lines.length,
    images,
    labels,
    normalization: { scale: DEEPEST, mean: [0], std: [1] },
  };
}
