import { UserError } from "../errors.ts";
import { DeviceLostError } from "../gpu/errors.ts";
import { countNonzero, graphCost } from "../graph/cost.ts";
import { withNormsOf } from "../graph/rewrite/narrow_norms.ts";
import { inDenseShape } from "../graph/scatter.ts";
import type { Model } from "../graph/types.ts";
import { measureNetworks } from "../measure/networks.ts";
import { pointName } from "../measure/run_tuner.ts";
import type { MeasureStage } from "../recipe/registry.ts";
import type { Variant } from "../report/types.ts";
import { Interrupted } from "../train/errors.ts";
import type { RunContext } from "./context.ts";
import { type Written, writtenNetworks } from "./restored_norms.ts";

/**
 * Times dense, masked and compact against each other, all through the same plan builder, interleaved.
 * @throws UserError where a batch size could not be measured; the others are
 */
export async function runMeasureStage(ctx: RunContext, stage: MeasureStage): Promise<void> {
  const { gpu, recipe, state, tuner, ui } = ctx;
  const { seconds } = stage;
  const networks = networksOf(writtenNetworks(state));
  const wanted = stage.variants.flatMap((name) => {
    const model = networks[name];
    return model ? [{ name, model }] : [];
  });
  state.latency = [];
  const failures: string[] = [];
  const progress = ui.stage("measure", stage.batches.length);
  try {
    for (const [i, batch] of stage.batches.entries()) {
      if (ctx.signal?.aborted) throw new Interrupted("stopped");
      const point = pointName(state.stage, { kind: "measure", batch });
      try {
        const measured = await measureNetworks(gpu, wanted, { batch, seconds, seed: recipe.seed, tuner, point });
        state.latency.push(...measured.map(({ name, ...numbers }) => ({ variant: name, batch, ...numbers })));
      } catch (error) {
        if (!(error instanceof Error) || error instanceof Interrupted || error instanceof DeviceLostError) throw error;
        failures.push(`batch ${batch}: ${error.message}`);
      }
      progress.update(i + 1, { text: `batch ${batch}` });
    }
    if (failures.length > 0) throw new UserError(failures.join("; "));
  } catch (error) {
    progress.abandon();
    throw error;
  }
  progress.done();
}

/** What there is to compare: no masked network before something is pruned, no compact one before it is smaller. */
function networksOf({ model, dense, masked, origin }: Written): Readonly<Record<Variant, Model | undefined>> {
  const whole = inDenseShape(model, origin, dense, masked);
  const pruned = typeof whole !== "string" && countNonzero(whole.params) < countNonzero(dense.params);
  const smaller = graphCost(model.graph).macs < graphCost(dense.graph).macs;
  return { dense, masked: pruned ? withNormsOf(origin, whole) : undefined, compact: smaller ? model : undefined };
}
