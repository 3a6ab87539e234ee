/** Suite "training": one step of our own training, on the networks that the suite "train-step" times against rivals. */
import { graphCost } from "../../src/graph/cost.ts";
import { lenetProblem } from "../lenet/problem.ts";
import type { Problem } from "../problem.ts";
import { resnetProblem } from "../resnet/problem.ts";
import { secateurStep } from "../secateur.ts";
import { type Case, type MeasuredSuite, measureJobs, type SuiteOptions } from "../suite.ts";

export const training: MeasuredSuite = {
  name: "training",
  title: "Our own training step",
  notes: [
    "A step is forward, backward and the optimizer, on data that lie on the device. Flops are three times the forward " +
    "pass's: the gradients of data and of weights take as many multiply-adds each.",
  ],
  defaults: { seed: 1, rounds: 5 },
  cases: (options) => [
    stepCase("LeNet-5, batch 64", lenetProblem, options),
    stepCase("ResNet-20, batch 32", resnetProblem, options),
  ],
};

function stepCase(name: string, problem: (seed: number) => Problem, options: SuiteOptions): Case {
  return {
    name,
    run: async (bench) => {
      const { model, batches } = problem(options.seed);
      const { macs, params } = graphCost(model.graph);
      const [{ images, labels }] = batches;
      const work = { flops: 6 * macs * labels.length, bytes: 4 * (3 * params + images.length) };
      const jobs = await measureJobs(bench, options, (w) => {
        const step = w.own(secateurStep(bench.gpu, { model, batches }, "here"));
        return [{ name, work, record: () => step.record().dispose() }];
      });
      return jobs.map(({ time }) => ({ table: "Training step", name, time, work, facts: {} }));
    },
  };
}
