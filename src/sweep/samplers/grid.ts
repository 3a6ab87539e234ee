/** Every combination of what varies, with every seed. */
import type { Sampler } from "../sampler.ts";
import { cellOf, sizeOf, type Space } from "../space.ts";

/** Seeds vary fastest: what a combination is worth on average is known as early as can be. */
export function gridSampler(space: Space, seeds: readonly number[]): Sampler {
  const size = sizeOf(space) * seeds.length;
  return {
    ask(trials, count) {
      const first = trials.length;
      return Array.from({ length: Math.max(0, Math.min(count, size - first)) }, (_, i) => ({
        choices: cellOf(space, Math.floor((first + i) / seeds.length)),
        seed: seeds[(first + i) % seeds.length],
      }));
    },
    exhausted: (trials) => trials.length >= size,
  };
}
