/** Our own forward pass: the compiled plan. */
import { Gpu } from "../../../src/gpu/gpu.ts";
import { compilePlan } from "../../../src/graph/plan.ts";
import { Tensor } from "../../../src/tensor/tensor.ts";
import type { Forward } from "./contestant.ts";
import { CHANNELS, type InferenceProblem, SIDE } from "./problem.ts";

export async function secateurForward({ model, batch, images }: InferenceProblem): Promise<Forward> {
  const gpu = await Gpu.open();
  const plan = compilePlan(gpu, model, batch);
  const input = Tensor.from(gpu, images, [batch, CHANNELS, SIDE, SIDE]);
  return {
    async run(calls) {
      for (let i = 0; i < calls; i++) plan.run(input);
      return await plan.output.read();
    },
  };
}
