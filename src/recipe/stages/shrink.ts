/** Compaction inside a run: the smaller network, proved equal, with everything that lies beside it following along. */
import { random } from "../../../kernels/random/philox.ts";
import { gather } from "../../data/loader.ts";
import type { Dataset } from "../../data/types.ts";
import { assertEquivalent, type Equivalence } from "../../graph/equivalence.ts";
import { applyIndexMap, compose } from "../../graph/indexmap.ts";
import { compact, type CompactOptions } from "../../prune/rewrite/compact.ts";
import { partialMasks } from "../../prune/structures/masks.ts";
import type { RunContext } from "../context.ts";

const PROOF_INPUTS = 64;

/** As many real images as random ones, from the validation set. */
export function proofInputs(ctx: Pick<RunContext, "data" | "recipe">): { inputs: Float32Array; batch: number } {
  const { inputs: images, batch } = firstImages(ctx.data.validation, PROOF_INPUTS);
  const inputs = new Float32Array(2 * images.length);
  inputs.set(images);
  random(ctx.recipe.seed, "proof").fillNormal(inputs.subarray(images.length), 0);
  return { inputs, batch: 2 * batch };
}

/** The first images of a data set, at most `most`, as a network takes them. */
export function firstImages(data: Dataset, most: number): { inputs: Float32Array; batch: number } {
  const batch = Math.min(most, data.count);
  return { inputs: gather(data, Uint32Array.from({ length: batch }, (_, i) => i)).images, batch };
}

/** Replaces `ctx.state.model` by its compaction and gives their difference. Throws EquivalenceError if it is too large. */
export async function shrink(ctx: RunContext, options: CompactOptions): Promise<Equivalence> {
  const { state } = ctx;
  const { model, map } = compact(state.model, options);
  const { inputs, batch } = proofInputs(ctx);
  const proof = await assertEquivalent(ctx.gpu, state.model, model, inputs, batch);
  state.masks = partialMasks(applyIndexMap(map, state.masks).tensors);
  state.origin = compose(state.origin, map, state.dense.graph.params);
  state.model = model;
  return proof;
}
