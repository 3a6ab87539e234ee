/** Pruning without training: masks by the norms of the groups, or by lot. */
import { random } from "../../../kernels/random/philox.ts";
import type { HostTensor, Model, Params } from "../../graph/types.ts";
import { type Choice, masksOf } from "../../prune/structures/masks.ts";
import { bestPatterns } from "../../prune/structures/patterns.ts";
import { type Constraint, GRANULARITIES, groupEnergies, keptGroups } from "../../prune/structures/structures.ts";
import { removeUnused } from "../../prune/rewrite/unused.ts";
import { bothMasks, masked } from "./shrink.ts";

/**
 * Masks of what the constraints leave, on top of those that there are. Coarse constraints choose first, the finer ones
 * among what is left then: a column that reads a filter which is gone counts as gone.
 */
export function choose(
  how: "magnitude" | "random",
  model: Model,
  masks: Params,
  constraints: readonly Constraint[],
  seed: number,
): Params {
  const kinds = Map.groupBy(constraints, ({ kind }) => kind);
  let result = masks;
  for (const kind of GRANULARITIES) {
    const wanted = kinds.get(kind);
    if (!wanted) continue;
    const { params } = removeUnused(masked(model, result)).model;
    const choices = wanted.map((constraint) => {
      const energies = groupEnergies(constraint, params);
      const scores = how === "magnitude" ? energies : lots(constraint, energies, seed);
      return { constraint, kept: keptGroups(constraint, scores), ...tapsOf(how, constraint, params, seed) };
    });
    result = bothMasks(result, hostMasks(masksOf(choices, model.params), model));
  }
  return result;
}

/** The pattern of each kernel: its best, or one by lot. */
function tapsOf(
  how: "magnitude" | "random",
  { name, rule, groups, members }: Constraint,
  params: Params,
  seed: number,
): Pick<Choice, "taps"> {
  if (rule?.kind !== "pattern") return {};
  const { patterns } = rule;
  if (how === "magnitude") return { taps: bestPatterns(params.get(members[0].param)!.data, patterns).taps };
  const drawn = random(seed, `patterns/${name}`).fillUniform(new Float64Array(groups), 0);
  return { taps: Uint16Array.from(drawn, (lot) => patterns[Math.floor(lot * patterns.length)]) };
}

/** The same draw at each progressive step, so that what goes later adds to what went before; empty groups lose. */
function lots({ name, groups }: Constraint, energies: Float64Array, seed: number): Float64Array {
  const drawn = random(seed, `prune/${name}`).fillUniform(new Float64Array(groups), 0);
  return drawn.map((score, group) => energies[group] > 0 ? score : -1);
}

function hostMasks(masks: ReadonlyMap<string, Uint8Array>, { graph }: Model): Params {
  return new Map<string, HostTensor>(
    Array.from(masks, ([name, bits]) => [name, { shape: graph.params[name].shape, data: Float32Array.from(bits) }]),
  );
}
