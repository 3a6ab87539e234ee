import { random } from "../../../kernels/random/philox.ts";
import { UserError } from "../../errors.ts";
import { DeviceLostError } from "../../gpu/errors.ts";
import { countNonzero, graphCost } from "../../graph/cost.ts";
import { concrete } from "../../graph/shapes.ts";
import { compilePlan, type InferencePlan } from "../../graph/plan.ts";
import { inDenseShape } from "../../graph/scatter.ts";
import type { Model } from "../../graph/types.ts";
import { measureInterleaved } from "../../measure/interleaved.ts";
import type { Latency, Variant } from "../../report/types.ts";
import { elements, Tensor } from "../../tensor/tensor.ts";
import { Interrupted } from "../../train/errors.ts";
import type { RunContext } from "../context.ts";
import type { MeasureStage } from "../registry.ts";
import type { RunState } from "../run.ts";

/**
 * Times dense, masked and compact against each other, all through the same plan builder, interleaved.
 * @throws UserError where a batch size could not be measured; the others are
 */
export async function runMeasureStage(ctx: RunContext, stage: MeasureStage): Promise<void> {
  const { state, ui } = ctx;
  const networks = networksOf(state);
  state.latency = [];
  const failures: string[] = [];
  const progress = ui.stage("measure", stage.batches.length);
  try {
    for (const [i, batch] of stage.batches.entries()) {
      if (ctx.signal?.aborted) throw new Interrupted("stopped");
      try {
        state.latency.push(...await measureBatch(ctx, stage, networks, batch));
      } catch (error) {
        if (!(error instanceof Error) || error instanceof Interrupted || error instanceof DeviceLostError) throw error;
        failures.push(`batch ${batch}: ${error.message}`);
      }
      progress.update(i + 1, { text: `batch ${batch}` });
    }
  } finally {
    progress.done();
  }
  if (failures.length > 0) throw new UserError(failures.join("; "));
}

async function measureBatch(
  { gpu, recipe, state, tuner }: RunContext,
  { variants, seconds }: MeasureStage,
  networks: Readonly<Record<Variant, Model | undefined>>,
  batch: number,
): Promise<Latency[]> {
  const shape = concrete(state.dense.graph.inputs[0].shape, batch);
  const plans: { variant: Variant; plan: InferencePlan }[] = [];
  using input = Tensor.from(
    gpu,
    random(recipe.seed, "measure").fillNormal(new Float32Array(elements(shape)), 0),
    shape,
  );
  try {
    for (const variant of variants) {
      const model = networks[variant];
      if (model) await tuner.inference(model, batch);
      if (model) plans.push({ variant, plan: compilePlan(gpu, model, batch) });
    }
    const measured = await measureInterleaved(
      gpu,
      plans.map(({ variant, plan }) => ({ name: variant, record: () => void plan.run(input) })),
      { seconds },
    );
    return measured.map(({ name: _, ...numbers }, k) => ({ variant: plans[k].variant, batch, ...numbers }));
  } finally {
    for (const { plan } of plans) plan.dispose();
  }
}

/** What there is to compare: no masked network before something is pruned, no compact one before it is smaller. */
function networksOf({ model, dense, masked, origin }: RunState): Readonly<Record<Variant, Model | undefined>> {
  const whole = inDenseShape(model, origin, dense, masked);
  const pruned = typeof whole !== "string" && countNonzero(whole.params) < countNonzero(dense.params);
  const smaller = graphCost(model.graph).macs < graphCost(dense.graph).macs;
  return { dense, masked: pruned ? whole : undefined, compact: smaller ? model : undefined };
}
