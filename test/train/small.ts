/** Small nets and data sets that train in milliseconds. */
import { random } from "../../kernels/random/philox.ts";
import type { Split } from "../../src/data/types.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Graph, Model, Params } from "../../src/graph/types.ts";
import { createOptimizer, type OptimizerOptions } from "../../src/tensor/optimizer.ts";
import { crossEntropy } from "../../src/train/losses/cross_entropy.ts";
import { createTrainState } from "../../src/train/state.ts";
import type { StepContext } from "../../src/train/step.ts";
import type { Loss } from "../../src/train/types.ts";

/** Noise with a bright pixel at the place of its label. */
export function brightPixels(count: number, side = 4, classes = 3): Split {
  const rng = random(2, "bright pixels");
  const plane = side * side;
  const labels = Uint16Array.from({ length: count }, (_, i) => rng.below(classes, 1, i));
  const images = Uint8Array.from({ length: count * plane }, (_, at) => {
    const [i, pixel] = [Math.floor(at / plane), at % plane];
    return pixel === 5 * labels[i] ? 255 : rng.bits(0, at) % 120;
  });
  return {
    name: "bright pixels",
    classes,
    shape: [1, side, side],
    count,
    images,
    labels,
    normalization: { scale: 255, mean: [0.25], std: [0.2] },
    source: Uint32Array.from({ length: count }, (_, i) => i),
  };
}

/** Two convolutions with batch norm, a residual sum, dropout and a linear layer. */
export function everything(side = 4, classes = 3): Graph {
  const b = builder("everything", ["N", 1, side, side]);
  const layer = (x: string, name: string) =>
    b.batchNorm(b.conv(x, { name, out: 4, kernel: 3, pad: 1, bias: false }), { name: `${name}.bn` });
  const stem = b.relu(layer(b.input, "stem"));
  const x = b.dropout(b.relu(b.add(layer(stem, "branch"), stem)), 0.25);
  b.gemm(b.flatten(b.maxPool(x, { kernel: 2 })), { name: "fc", out: classes });
  return b.graph();
}

export interface Trainee extends StepContext, Disposable {}

export function trainee(
  gpu: Gpu,
  model: Model | Graph,
  options: OptimizerOptions = { kind: "sgd" },
  weightDecay = 0,
  loss: Loss = crossEntropy(),
): Trainee {
  const whole = "graph" in model ? model : { graph: model, params: initialise(model, 1) };
  const state = createTrainState(gpu, [whole.graph], whole.params);
  const optimizer = createOptimizer(gpu, state.weights.layout, options);
  optimizer.setSegments(() => ({ weightDecay }));
  return {
    state,
    optimizer,
    graphs: [whole.graph],
    loss,
    [Symbol.dispose]() {
      optimizer.dispose();
      state.dispose();
    },
  };
}

/** All values in one array, to be compared bit by bit. */
export function flat(params: Params): Float32Array {
  return Float32Array.from([...params.values()].flatMap(({ data }) => [...data]));
}
