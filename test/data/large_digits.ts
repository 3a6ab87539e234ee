/** The bundled digits as people's own images are: in colour, and four times as large. */
import { digitsSplits } from "../../src/data/digits.ts";
import type { Split, SplitOptions, Splits } from "../../src/data/types.ts";

const [SMALL, TIMES] = [8, 4];
/** Pixels on a side. */
export const LARGE = SMALL * TIMES;
/** Shades are 0…16. */
const BRIGHTEST = 16;

/** 3×32×32, scaled as bytes are. */
export async function largeDigits(options: SplitOptions): Promise<Splits> {
  const bytes = await Deno.readFile(new URL("../../src/data/digits/digits.csv.gz", import.meta.url));
  const splits = await digitsSplits(bytes, options);
  const { train, validation, test } = splits;
  return {
    ...splits,
    shape: [3, LARGE, LARGE],
    train: enlarged(train),
    validation: enlarged(validation),
    test: enlarged(test),
  };
}

function enlarged(split: Split): Split {
  const plane = LARGE * LARGE;
  const images = Uint8Array.from({ length: split.count * 3 * plane }, (_, i) => {
    const [sample, pixel] = [Math.floor(i / (3 * plane)), i % plane];
    const [row, col] = [Math.floor(pixel / LARGE), pixel % LARGE].map((at) => Math.floor(at / TIMES));
    return Math.round(255 / BRIGHTEST * split.images[(sample * SMALL + row) * SMALL + col]);
  });
  const normalization = { scale: 255, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
  return { ...split, shape: [3, LARGE, LARGE], images, normalization };
}
