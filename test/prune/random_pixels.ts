/** Images of random pixels, 3 × 6 × 6, that are the same each time. */
import { random } from "../../kernels/random/philox.ts";
import type { Dataset } from "../../src/data/types.ts";

/** Images of class 0 and 1 in turn, of `classes`. */
export function randomPixels({ count, classes }: { readonly count: number; readonly classes: number }): Dataset {
  const shape = [3, 6, 6] as const, images = new Uint8Array(count * 108);
  const draw = random(4, "pixels");
  images.forEach((_, i) => images[i] = draw.below(256, 0, i));
  const normalization = { scale: 255, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
  const labels = Uint16Array.from({ length: count }, (_, i) => i % 2);
  return { name: "random", classes, shape, count, images, labels, normalization };
}
