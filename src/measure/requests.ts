/** Finds what a network asks of the planners by running it once, forward as compiled or as a training step. */
import "../disposable.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { execute } from "../graph/execute.ts";
import { concrete } from "../graph/shapes.ts";
import { compilePlan } from "../graph/plan.ts";
import type { Model } from "../graph/types.ts";
import { collectRequests, type Request } from "../tensor/ops/launch.ts";
import { softmaxCrossEntropy } from "../tensor/ops/loss.ts";
import { Tape } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { createTrainState } from "../train/state.ts";

/** Lists the shapes of `model`'s inference plan at this batch size. */
export function inferenceRequests(gpu: Gpu, model: Model, batch: number): Request[] {
  return collectRequests(gpu, () => compilePlan(gpu, model, batch).dispose());
}

/** Lists the shapes of a training step of `model`, forward and backward, at this batch size. */
export function trainingRequests(gpu: Gpu, model: Model, batch: number): Request[] {
  using state = createTrainState(gpu, [model.graph], model.params);
  using x = Tensor.zeros(gpu, concrete(model.graph.inputs[0].shape, batch));
  using labels = Tensor.from(gpu, new Uint32Array(batch), [batch]);
  return collectRequests(gpu, () => {
    using tape = new Tape(gpu, "train");
    for (const { name } of state.weights.layout.slots) {
      tape.watch(state.weights.tensor(name), state.gradients.tensor(name));
    }
    tape.backward(softmaxCrossEntropy(tape, execute(tape, model.graph, state.params, x), labels));
  });
}
