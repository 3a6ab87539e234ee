import { random } from "../../kernels/random/philox.ts";

/** A sequence of seeded choices. */
export interface Dice {
  /** low … high, both included. */
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** The numbers below `count` in any order. */
  order(count: number): number[];
  normal(mean?: number, std?: number): number;
  uniform(low: number, high: number): number;
}

export function dice(seed: number, stream: string): Dice {
  const rng = random(seed, stream);
  let next = 0;
  const uniform = (low: number, high: number) => low + (high - low) * rng.uniform(0, next++);
  const between = (low: number, high: number) => low + rng.below(high - low + 1, 1, next++);
  return {
    between,
    uniform,
    chance: (probability) => uniform(0, 1) < probability,
    pick: (from) => from[between(0, from.length - 1)],
    order(count) {
      const order = Array.from({ length: count }, (_, i) => i);
      for (let i = count - 1; i > 0; i--) {
        const j = between(0, i);
        [order[i], order[j]] = [order[j], order[i]];
      }
      return order;
    },
    normal: (mean = 0, std = 1) => mean + std * rng.normal(2, next++),
  };
}
