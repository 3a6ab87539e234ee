/** Finds what a network asks of the planners by running it once, forward as compiled or as a training step. */
import "../disposable.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { execute } from "../graph/execute.ts";
import { concrete } from "../graph/shapes.ts";
import { compilePlan } from "../graph/plan.ts";
import type { Model } from "../graph/types.ts";
import { collectRequests, type CountedRequest } from "../tensor/ops/launch.ts";
import { softmaxCrossEntropy } from "../tensor/ops/loss.ts";
import { Tape } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { createTrainState } from "../train/state.ts";

/** Lists the shapes of `model`'s inference plan at this batch size. */
export function inferenceRequests(gpu: Gpu, model: Model, batch: number): CountedRequest[] {
  return collectRequests(gpu, () => compilePlan(gpu, model, batch).dispose());
}

/** Lists the shapes of a training step of `model`, forward and backward, at this batch size. */
export function trainingRequests(gpu: Gpu, model: Model, batch: number): CountedRequest[] {
  using owned = new DisposableStack();
  return collectRequests(gpu, trainingStep(owned, gpu, model, batch));
}

/** Timed steps take about so long together: a wait for the device is long beside a short step. */
const TIMED_MS = 100;
const MOST_TIMED = 10;

/** Lists the same, and says what a step takes in ms by the plans that are in use. */
export async function timedTrainingRequests(
  gpu: Gpu,
  model: Model,
  batch: number,
): Promise<{ readonly requests: CountedRequest[]; readonly stepMs: number }> {
  using owned = new DisposableStack();
  const record = trainingStep(owned, gpu, model, batch);
  const requests = collectRequests(gpu, record);
  // This one compiles its kernels.
  await gpu.sync();
  const time = async (steps: number) => {
    const start = performance.now();
    for (let i = 0; i < steps; i++) record();
    await gpu.sync();
    return performance.now() - start;
  };
  const first = await time(1);
  const steps = Math.min(MOST_TIMED, Math.floor(TIMED_MS / first));
  return { requests, stepMs: steps <= 1 ? first : await time(steps) / steps };
}

/** Gives what records a training step; what it holds belongs to `owned`. */
function trainingStep(owned: DisposableStack, gpu: Gpu, model: Model, batch: number): () => void {
  const state = owned.use(createTrainState(gpu, [model.graph], model.params));
  const x = owned.use(Tensor.zeros(gpu, concrete(model.graph.inputs[0].shape, batch)));
  const labels = owned.use(Tensor.from(gpu, new Uint32Array(batch), [batch]));
  return () => {
    using tape = new Tape(gpu, "train");
    for (const { name } of state.weights.layout.slots) {
      tape.watch(state.weights.tensor(name), state.gradients.tensor(name));
    }
    tape.backward(softmaxCrossEntropy(tape, execute(tape, model.graph, state.params, x), labels));
  };
}
