/** Our own training step, put together as src/train/step.ts does it, on batches that already lie on the device. */
import { execute } from "../src/graph/execute.ts";
import type { Gpu } from "../src/gpu/gpu.ts";
import { softmaxCrossEntropy } from "../src/tensor/ops/loss.ts";
import { createOptimizer } from "../src/tensor/optimizer.ts";
import { Tape } from "../src/tensor/tape.ts";
import { Tensor } from "../src/tensor/tensor.ts";
import { createTrainState } from "../src/train/state.ts";
import type { Contestant } from "./contest.ts";
import { LEARNING_RATE, MOMENTUM, type Problem } from "./problem.ts";

export interface TrainingStep extends Contestant {
  /** Records one step without waiting; returns its loss, owned by the caller. */
  record(): Tensor;
}

export function secateurStep(gpu: Gpu, { model, batches }: Problem, version: string): TrainingStep {
  const state = createTrainState(gpu, [model.graph], model.params);
  const optimizer = createOptimizer(gpu, state.weights.layout, { kind: "sgd", momentum: MOMENTUM });
  const image = model.graph.inputs[0].shape.slice(1) as number[];
  const data = batches.map(({ images, labels }) => ({
    x: Tensor.from(gpu, images, [labels.length, ...image]),
    labels: Tensor.from(gpu, labels, [labels.length]),
  }));
  let step = 0;

  const record = (): Tensor => {
    const { x, labels } = data[step % data.length];
    using tape = new Tape(gpu, "train");
    for (const { name } of state.weights.layout.slots) {
      tape.watch(state.weights.tensor(name), state.gradients.tensor(name));
    }
    const logits = execute(tape, model.graph, state.params, x, { step });
    const loss = softmaxCrossEntropy(tape, logits, labels);
    tape.backward(loss);
    optimizer.step({ lr: LEARNING_RATE, weights: state.weights, gradients: state.gradients });
    step++;
    return loss.view([]);
  };

  return {
    name: "secateur",
    version,
    record,
    async run(steps) {
      for (let i = 1; i < steps; i++) record().dispose();
      using loss = record();
      return (await loss.read())[0];
    },
    dispose() {
      for (const { x, labels } of data) {
        x.dispose();
        labels.dispose();
      }
      optimizer.dispose();
      state.dispose();
    },
  };
}
