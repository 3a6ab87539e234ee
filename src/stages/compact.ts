import { firstImages, proofInputs } from "../data/proof_inputs.ts";
import { tolerance } from "../graph/compare.ts";
import { graphCost } from "../graph/cost.ts";
import { assertEquivalent, compareWithReference, EquivalenceError } from "../graph/equivalence.ts";
import { withNormsOf } from "../graph/rewrite/narrow_norms.ts";
import { scatterModel } from "../graph/scatter.ts";
import type { Model } from "../graph/types.ts";
import type { CompactStage } from "../recipe/registry.ts";
import { pointOf } from "../report/points.ts";
import type { RunContext } from "./context.ts";
import { writtenNetworks } from "./restored_norms.ts";
import { shrink } from "./shrink.ts";

/** Images that also go through the float64 reference on the host, which takes milliseconds for each. */
const REFERENCE_INPUTS = 8;

/** The smaller network: proved equal to the masked one in the dense shape, and to a float64 forward pass on the host. */
export async function runCompactStage(ctx: RunContext, stage: CompactStage): Promise<void> {
  const { state, ui } = ctx;
  const before = graphCost(writtenNetworks(state).model.graph);
  const scattered = scatterModel(state.model, state.origin, state.dense);
  const masked = scattered ? withNormsOf(state.origin, scattered) : state.masked;
  let equivalence = await shrink(ctx, {
    columns: stage.columns === "auto",
    ...stage.border === "keep" ? { border: "keep" } : {},
  });
  state.masked = masked;
  const { model: written } = writtenNetworks(state);
  if (masked) {
    const { inputs, batch } = proofInputs(ctx.data.validation, ctx.recipe.seed);
    equivalence = await assertEquivalent(ctx.gpu, masked, written, inputs, batch);
  }
  state.equivalence = equivalence;
  await assertReference(ctx, written);
  const after = graphCost(written.graph);
  ui.note(
    `compact: ${before.params} -> ${after.params} parameters, ${before.macs} -> ${after.macs} MACs` +
      `; equal to the masked network within ${equivalence.maxRel.toExponential(1)} on ${equivalence.inputs} inputs`,
  );
  state.points.push(await pointOf(ctx, "compact", state.model));
}

async function assertReference({ gpu, data }: RunContext, model: Model): Promise<void> {
  const { inputs, batch } = firstImages(data.validation, REFERENCE_INPUTS);
  const { maxRel } = await compareWithReference(gpu, model, inputs, batch);
  if (!(maxRel <= tolerance(model.graph))) {
    throw new EquivalenceError(
      `"${model.graph.name}" on the device differs from its float64 forward pass by ${maxRel.toExponential(2)}`,
    );
  }
}
