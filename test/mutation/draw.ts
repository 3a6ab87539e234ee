import { random } from "../../kernels/random/philox.ts";
import { type Mutant, RULES } from "./mutants.ts";

/** As many mutants as asked for, or all, drawn by seed; the rules take turns, so that rare ones are drawn too. */
export function draw<M extends Mutant>(mutants: readonly M[], { count, seed }: { count: number; seed: number }): M[] {
  const keys = random(seed, "mutants").fillUniform(new Float64Array(mutants.length), 0);
  const order = [...mutants.keys()].sort((a, b) => keys[a] - keys[b]).map((i) => mutants[i]);
  const waiting = RULES.map((rule) => order.filter((mutant) => mutant.rule === rule));
  const drawn: M[] = [];
  while (drawn.length < count && waiting.some((list) => list.length > 0)) {
    for (const list of waiting) {
      const next = drawn.length < count ? list.shift() : undefined;
      if (next) drawn.push(next);
    }
  }
  return drawn;
}
