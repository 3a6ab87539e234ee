/** Pruning without training: masks by the norms of the groups, or by lot. */
import { random } from "../../../kernels/random/philox.ts";
import type { HostTensor, Model, Params } from "../../graph/types.ts";
import { masksOf } from "../../prune/masks.ts";
import { type Constraint, type Granularity, groupEnergies, topGroups } from "../../prune/structures.ts";
import { removeUnused } from "../../prune/unused.ts";
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
      return { constraint, kept: topGroups(scores, constraint.keep) };
    });
    result = bothMasks(result, hostMasks(masksOf(choices, model.params), model));
  }
  return result;
}

/** Coarse to fine: whole filters go first, what is left of the others is chosen among the filters that stay. */
export const GRANULARITIES: readonly Granularity[] = ["filter", "channel", "column", "weight"];

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
