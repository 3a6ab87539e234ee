import { random } from "../../../kernels/random/philox.ts";
import { nonzeroPerGroup } from "../structures/elements.ts";
import type { Grouping } from "../structures/types.ts";
import type { Criterion } from "./types.ts";

/**
 * A number drawn for each group by its constraint's name, so that progressive steps draw the same and what goes later adds to
 * what went before. Empty groups lose against all others. A kernel that takes a pattern has it drawn as well: under its own
 * pattern it scores its number, under the others it is worth less than empty ones.
 */
export const randomLots: Criterion = {
  name: "random",
  summary: "drawn by lot, keyed by the recipe's seed",
  source: "the control of every comparison",
  needs: ["weights"],
  labels: false,
  arbitrary: true,
  score(groups, { model, seed }) {
    const drawn = random(seed, `prune/${groups.name}`).fillUniform(new Float64Array(groups.groups), 0);
    const filled = nonzeroPerGroup(groups, model.params, ["weight"]);
    const own = ownPattern(groups, seed);
    return drawn.map((lot, group) => !own(group) ? -2 : filled[group] > 0 ? lot : -1);
  },
};

/** Whether the pattern that the groups are scored under is the one that was drawn for this kernel. */
function ownPattern({ name, groups, pattern }: Grouping, seed: number): (group: number) => boolean {
  if (!pattern) return () => true;
  const lots = random(seed, `patterns/${name}`).fillUniform(new Float64Array(groups), 0);
  return (group) => Math.floor(lots[group] * pattern.count) === pattern.index;
}
