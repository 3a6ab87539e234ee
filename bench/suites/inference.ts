/** Suite "inference": what a network with half the filters in each layer gains over the whole one, through one plan builder. */
import { random } from "../../kernels/random/philox.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { concrete } from "../../src/graph/shapes.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { elements, Tensor } from "../../src/tensor/tensor.ts";
import { atLeast, type Case, type Job, type MeasuredSuite, measureJobs, type SuiteOptions } from "../suite.ts";

const SHARE = 0.8;

export const inference: MeasuredSuite = {
  name: "inference",
  title: "ResNet-20 whole and with half the filters in each layer",
  notes: [
    "Both go through the inference plan: batch norms folded, activations and residual adds fused. Weights are random: " +
    "nothing is trained, and times don't depend on it.",
  ],
  defaults: { seed: 1, rounds: 7 },
  cases: (options) => (options.batches ?? [1, 32]).map((batch) => resnetCase(batch, options)),
};

function resnetCase(batch: number, options: SuiteOptions): Case {
  const graphs = { dense: createModel("resnet20"), compact: createModel("resnet20", { width: 0.5 }) };
  const macs = { dense: graphCost(graphs.dense).macs, compact: graphCost(graphs.compact).macs };
  const ratio = macs.dense / macs.compact;
  return {
    name: `ResNet-20, batch ${batch}`,
    run: async (bench) => {
      const [dense, compact] = await measureJobs(bench, options, (w) => {
        const input = imagesFor(bench.gpu, graphs.dense, batch, options.seed);
        w.own(input);
        return (["dense", "compact"] as const).map((name): Job => {
          const plan = w.own(compilePlan(bench.gpu, modelOf(graphs[name], options.seed), batch));
          return { name, work: workOf(graphs[name], batch), record: () => void plan.run(input) };
        });
      });
      const table = `ResNet-20, batch ${batch}`;
      const speedup = dense.time.medianMs / compact.time.medianMs;
      return [
        { table, ...shown(dense), facts: { "MAC ratio": "1.00×", "speed-up": "1.00×" } },
        {
          table,
          ...shown(compact),
          facts: { "MAC ratio": `${ratio.toFixed(2)}×`, "speed-up": `${speedup.toFixed(2)}×` },
          // Small batches are no claim: there, launches weigh more than multiply-adds.
          ...(batch >= 32
            ? { goal: atLeast(`speed-up ≥ ${100 * SHARE} % of the MAC ratio`, speedup / ratio, SHARE) }
            : {}),
        },
      ];
    },
  };
}

/** What one pass through a graph asks for: multiply-adds of its layers; input, parameters and output moved once. */
export function workOf(graph: Graph, batch: number): { flops: number; bytes: number } {
  const { macs, params } = graphCost(graph);
  return { flops: 2 * macs * batch, bytes: 4 * (params + elements(concrete(graph.inputs[0].shape, batch))) };
}

export function modelOf(graph: Graph, seed: number): Model {
  return { graph, params: initialise(graph, seed) };
}

export function imagesFor(gpu: Parameters<typeof compilePlan>[0], graph: Graph, batch: number, seed: number): Tensor {
  const shape = concrete(graph.inputs[0].shape, batch);
  return Tensor.from(gpu, random(seed, "bench/images").fillNormal(new Float32Array(elements(shape)), 0), shape);
}

function shown<T extends { name: string; time: unknown; work?: unknown }>({ name, time, work }: T) {
  return { name, time, work } as Pick<T, "name" | "time" | "work">;
}
