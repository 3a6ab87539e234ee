import { random } from "../../../kernels/random/philox.ts";
import { countNonzero, graphCost } from "../../graph/cost.ts";
import { concrete } from "../../graph/infer.ts";
import { compilePlan, type InferencePlan } from "../../graph/plan.ts";
import { scatterModel } from "../../graph/scatter.ts";
import type { Model } from "../../graph/types.ts";
import { measureInterleaved } from "../../measure/interleaved.ts";
import type { Variant } from "../../report/types.ts";
import { elements, Tensor } from "../../tensor/tensor.ts";
import { Interrupted } from "../../train/errors.ts";
import type { RunContext } from "../context.ts";
import type { MeasureStage } from "../registry.ts";
import type { RunState } from "../run.ts";

/** Times dense, masked and compact against each other, all through the same plan builder, interleaved. */
export async function runMeasureStage(ctx: RunContext, stage: MeasureStage): Promise<void> {
  const { gpu, state, ui } = ctx;
  const networks = networksOf(state);
  state.latency = [];
  const progress = ui.stage("measure", stage.batches.length);
  for (const [i, batch] of stage.batches.entries()) {
    if (ctx.signal?.aborted) throw new Interrupted("stopped");
    const shape = concrete(state.dense.graph.inputs[0].shape, batch);
    const plans: { variant: Variant; plan: InferencePlan }[] = [];
    using input = Tensor.from(
      gpu,
      random(ctx.recipe.seed, "measure").fillNormal(new Float32Array(elements(shape)), 0),
      shape,
    );
    try {
      for (const variant of stage.variants) {
        const model = networks[variant];
        if (model) await ctx.tuner.inference(model, batch);
        if (model) plans.push({ variant, plan: compilePlan(gpu, model, batch) });
      }
      const measured = await measureInterleaved(
        gpu,
        plans.map(({ variant, plan }) => ({ name: variant, record: () => void plan.run(input) })),
        { seconds: stage.seconds },
      );
      measured.forEach(({ name: _, ...numbers }, k) =>
        state.latency.push({ variant: plans[k].variant, batch, ...numbers })
      );
    } finally {
      for (const { plan } of plans) plan.dispose();
    }
    progress.update(i + 1, { text: `batch ${batch}` });
  }
  progress.done();
}

/** What there is to compare: no masked network before something is pruned, no compact one before it is smaller. */
function networksOf({ model, dense, masked, origin }: RunState): Readonly<Record<Variant, Model | undefined>> {
  const inDenseShape = scatterModel(model, origin, dense) ?? masked;
  const pruned = inDenseShape && countNonzero(inDenseShape.params) < countNonzero(dense.params);
  const smaller = graphCost(model.graph).macs < graphCost(dense.graph).macs;
  return { dense, masked: pruned ? inDenseShape : undefined, compact: smaller ? model : undefined };
}
