import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { type Problem, syntheticBatches } from "../problem.ts";

export { LEARNING_RATE, MOMENTUM, type Problem } from "../problem.ts";

export const BATCH = 64;
export const CLASSES = 10;
export const SIDE = 28;

/** LeNet-5 with biases and a ReLU after each hidden layer: 431,080 parameters; images [BATCH, 1, SIDE, SIDE]. */
export function lenetProblem(seed: number, count = 8): Problem {
  const graph = createModel("lenet5");
  const batches = syntheticBatches(seed, count, { batch: BATCH, classes: CLASSES, pixels: SIDE * SIDE });
  return { model: { graph, params: initialise(graph, seed) }, batches };
}
