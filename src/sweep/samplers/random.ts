/** Independent draws of everything that varies, each with every seed. */
import { random } from "../../../kernels/random/philox.ts";
import type { Sampler } from "../sampler.ts";
import { type Space, valueAt } from "../space.ts";
import type { Choices } from "../trial.ts";

/** @param draw the seed of the draws themselves */
export function randomSampler(space: Space, seeds: readonly number[], draw: number): Sampler {
  return {
    ask(trials, count) {
      return Array.from({ length: count }, (_, i) => {
        const number = trials.length + i;
        return {
          choices: drawnChoices(space, draw, Math.floor(number / seeds.length)),
          seed: seeds[number % seeds.length],
        };
      });
    },
    exhausted: () => false,
  };
}

/** Number `index` of the draws with this seed. */
export function drawnChoices(space: Space, seed: number, index: number): Choices {
  const rng = random(seed, "sweep");
  return Object.fromEntries(
    Object.entries(space).map(([name, dimension], i) => [name, valueAt(dimension, rng.uniform(index, i))]),
  );
}
