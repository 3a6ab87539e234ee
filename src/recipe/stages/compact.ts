import { graphCost } from "../../graph/cost.ts";
import { scatterModel } from "../../graph/scatter.ts";
import { referenceForward } from "../../graph/reference/forward.ts";
import { compareOutputs, tolerance } from "../../graph/compare.ts";
import { assertEquivalent, EquivalenceError, runPlan } from "../../graph/equivalence.ts";
import { gather } from "../../data/loader.ts";
import type { RunContext } from "../context.ts";
import { pointOf } from "../points.ts";
import type { CompactStage } from "../registry.ts";
import { proofInputs, shrink } from "./shrink.ts";

/** Images that also go through the float64 reference on the host, which takes milliseconds for each. */
const REFERENCE_INPUTS = 8;

/** The smaller network: proved equal to the masked one in the dense shape, and to a float64 forward pass on the host. */
export async function runCompactStage(ctx: RunContext, stage: CompactStage): Promise<void> {
  const { state, ui } = ctx;
  const before = graphCost(state.model.graph);
  const masked = scatterModel(state.model, state.origin, state.dense) ?? state.masked;
  await shrink(ctx, {
    columns: stage.columns === "auto",
    ...stage.border === "keep" ? { border: "keep" } : {},
  });
  state.masked = masked;
  if (masked) {
    const { inputs, batch } = proofInputs(ctx);
    state.equivalence = await assertEquivalent(ctx.gpu, masked, state.model, inputs, batch);
  }
  await assertReference(ctx);
  const after = graphCost(state.model.graph);
  ui.note(
    `compact: ${before.params} -> ${after.params} parameters, ${before.macs} -> ${after.macs} MACs; ` +
      `equal to the masked network within ${
        state.equivalence?.maxRel.toExponential(1)
      } on ${state.equivalence?.inputs} inputs`,
  );
  state.points.push(await pointOf(ctx, "compact", state.model));
}

async function assertReference({ gpu, state, data }: RunContext): Promise<void> {
  const count = Math.min(REFERENCE_INPUTS, data.validation.count);
  const { images } = gather(data.validation, Uint32Array.from({ length: count }, (_, i) => i));
  const [input] = state.model.graph.inputs;
  const exact = referenceForward(
    state.model,
    { [input.name]: { shape: [count, ...data.shape], data: Float64Array.from(images) } },
  ).get(state.model.graph.outputs[0])!;
  const { maxRel } = compareOutputs(exact.data, await runPlan(gpu, state.model, images, count));
  if (!(maxRel <= tolerance(state.model.graph))) {
    throw new EquivalenceError(
      `"${state.model.graph.name}" on the device differs from its float64 forward pass by ${maxRel.toExponential(2)}`,
    );
  }
}
