/** Compaction inside a run: the smaller network, proved equal, with everything that lies beside it following along. */
import { assertEquivalent, type Equivalence } from "../../graph/equivalence.ts";
import { applyIndexMap, compose } from "../../graph/indexmap.ts";
import type { Model, Params } from "../../graph/types.ts";
import { random } from "../../../kernels/random/philox.ts";
import { gather } from "../../data/loader.ts";
import { compact, type CompactOptions, type CompactReport } from "../../prune/compact.ts";
import type { RunContext } from "../context.ts";

const PROOF_INPUTS = 64;

/** As many real images as random ones, from the validation set. */
export function proofInputs(ctx: Pick<RunContext, "data" | "recipe">): { inputs: Float32Array; batch: number } {
  const { validation } = ctx.data;
  const count = Math.min(PROOF_INPUTS, validation.count);
  const { images } = gather(validation, Uint32Array.from({ length: count }, (_, i) => i));
  const inputs = new Float32Array(2 * images.length);
  inputs.set(images);
  random(ctx.recipe.seed, "proof").fillNormal(inputs.subarray(images.length), 0);
  return { inputs, batch: 2 * count };
}

/** Replaces `ctx.state.model` by its compaction. Throws EquivalenceError if the two differ. */
export async function shrink(
  ctx: RunContext,
  options: CompactOptions,
): Promise<{ report: CompactReport; equivalence: Equivalence }> {
  const { state } = ctx;
  const { model, map, report } = compact(state.model, options);
  const { inputs, batch } = proofInputs(ctx);
  const equivalence = await assertEquivalent(ctx.gpu, state.model, model, inputs, batch);
  state.masks = partialMasks(applyIndexMap(map, state.masks));
  state.origin = compose(state.origin, map, state.dense.graph.params);
  state.model = model;
  return { report, equivalence };
}

/** Masks that still mask something. */
export function partialMasks(masks: Params): Params {
  return new Map([...masks].filter(([, { data }]) => data.some((bit) => bit === 0)));
}

/** What both leave. */
export function bothMasks(a: Params, b: Params): Params {
  const result = new Map(a);
  for (const [name, { shape, data }] of b) {
    const other = a.get(name)?.data;
    result.set(name, { shape, data: other ? data.map((bit, i) => bit * other[i]) : data });
  }
  return partialMasks(result);
}

/** A model with its parameters multiplied by their masks. */
export function masked({ graph, params }: Model, masks: Params): Model {
  const result = new Map(params);
  for (const [name, mask] of masks) {
    const { shape, data } = params.get(name)!;
    result.set(name, { shape, data: data.map((w, i) => mask.data[i] === 0 ? 0 : w) });
  }
  return { graph, params: result };
}
