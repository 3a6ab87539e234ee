/** Every combination of what varies, with every seed. */
import { random } from "../../../kernels/random/philox.ts";
import type { Sampler } from "../sampler.ts";
import { cellOf, sizeOf, type Space } from "../space.ts";

/**
 * In the order of the space seeds vary fastest: what a combination is worth on average is known as early as can be.
 *
 * @param shuffle a seed: in an order drawn with it. For pruners that compare a trial with those before it: cells of a grid
 * often get better one by one, and then each is among the best so far
 */
export function gridSampler(space: Space, seeds: readonly number[], shuffle?: number): Sampler {
  const size = sizeOf(space) * seeds.length;
  const order = shuffle === undefined ? undefined : random(shuffle, "sweep grid").permutation(size, 0);
  return {
    ask(trials, count) {
      const first = trials.length;
      return Array.from({ length: Math.max(0, Math.min(count, size - first)) }, (_, i) => {
        const place = order?.[first + i] ?? first + i;
        return { choices: cellOf(space, Math.floor(place / seeds.length)), seed: seeds[place % seeds.length] };
      });
    },
    exhausted: (trials) => trials.length >= size,
  };
}
