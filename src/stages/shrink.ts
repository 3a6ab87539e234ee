/** Compaction inside a run: the smaller network, proved equal, with everything that lies beside it following along. */
import { proofInputs } from "../data/proof_inputs.ts";
import { assertEquivalent, type Equivalence } from "../graph/equivalence.ts";
import { applyIndexMap, compose } from "../graph/indexmap.ts";
import { compact, type CompactOptions } from "../prune/rewrite/compact.ts";
import { partialMasks } from "../prune/structures/masks.ts";
import type { RunContext } from "./context.ts";

/** Replaces `ctx.state.model` by its compaction and gives their difference. Throws EquivalenceError if it is too large. */
export async function shrink(ctx: RunContext, options: CompactOptions): Promise<Equivalence> {
  const { state } = ctx;
  const { model, map } = compact(state.model, options);
  const { inputs, batch } = proofInputs(ctx.data.validation, ctx.recipe.seed);
  const proof = await assertEquivalent(ctx.gpu, state.model, model, inputs, batch);
  state.masks = partialMasks(applyIndexMap(map, state.masks).tensors);
  state.origin = compose(state.origin, map, state.dense.graph.params);
  state.model = model;
  return proof;
}
