/**
 * Suite "headline": the speed-up experiment of StructADMM (arXiv 1807.11091) on the adapter in hand. It times only: the
 * structures are drawn at random by seed, nothing is trained, and no accuracy is claimed.
 */
import { graphCost } from "../../src/graph/cost.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { createModel } from "../../src/models/zoo.ts";
import { alexnet, alexnetNodes, withGroups } from "../headline/networks.ts";
import { convWeights, type Cut, type Kind, pruneAtRandom } from "../headline/prune.ts";
import { type Case, type Job, type MeasuredSuite, measureJobs, type Row, type SuiteOptions } from "../suite.ts";
import { imagesFor, modelOf, workOf } from "./inference.ts";

export const headline: MeasuredSuite = {
  name: "headline",
  title: "StructADMM's speed-up experiment on this adapter",
  notes: [
    "Structures are drawn at random by seed: this times the networks, it trains nothing and says nothing about accuracy.",
    "Published, for other devices and trained structures: AlexNet without loss of accuracy 2.58× and 3.65× on two GPUs; " +
    "at 15× fewer convolution weights 3.15× and 8.52× on two GPUs and 11.93× on a CPU; ResNet-18/CIFAR at 54.2× 7.6× on " +
    "an Adreno 640.",
    "The fraction removed is of each layer's own groups; what leads nowhere after that goes too, so that fewer weights " +
    'are left than were asked for ("weights, achieved").',
  ],
  defaults: { seed: 1, rounds: 3 },
  cases: (options) =>
    (options.batches ?? [1, 32]).flatMap((batch) => [
      networkCase(alexnetExperiment, batch, options),
      networkCase(resnetExperiment, batch, options),
    ]),
};

/** One way to prune a network, and what was published for it. */
interface Setting {
  readonly name: string;
  readonly cuts: readonly Cut[];
  readonly paper: string;
}

interface Experiment {
  readonly name: string;
  readonly graph: () => Graph;
  readonly settings: readonly Setting[];
  /** The form in which dense and masked run fastest. */
  dense(model: Model): Model;
}

const LOSSLESS: readonly (readonly [layer: string, removed: number])[] = [
  ["conv2", 0.97],
  ["conv3", 0.98],
  ["conv4", 0.975],
  ["conv5", 0.97],
];
/** Weights of conv1 and of conv2 to 5. conv1 stays whole: what 15× leaves of the sum goes to the others alike. */
const CONV1 = 34_848, OTHERS = 2_297_856;
const OVERALL = LOSSLESS.map(([layer]) => [layer, 1 - ((CONV1 + OTHERS) / 15 - CONV1) / OTHERS] as const);
const RESNET_RATE = 54.2;

const alexnetExperiment: Experiment = {
  name: "AlexNet's convolutions",
  graph: () => alexnet("a node each"),
  dense: withGroups,
  settings: [
    ...alexnetSettings("conv2-5 at .97 .98 .975 .97", LOSSLESS, "2.58× and 3.65× (GPUs)"),
    ...alexnetSettings("15× overall", OVERALL, "3.15× and 8.52× (GPUs), 11.93× (CPU)"),
  ],
};

const resnetExperiment: Experiment = {
  name: "ResNet-18/CIFAR",
  graph: () => createModel("resnet18-cifar"),
  dense: (model) => model,
  settings: [
    // A filter takes its channel in the next layer along: keeping f of the filters keeps f² of the weights.
    {
      name: "54.2×, filters",
      cuts: [{ kind: "filter", keep: Math.sqrt(1 / RESNET_RATE), nodes: ["conv1", "layer*"] }],
      paper: "7.6× (Adreno 640)",
    },
    {
      name: "54.2×, columns",
      cuts: [{ kind: "column", keep: 1 / RESNET_RATE, nodes: ["layer*"] }],
      paper: "7.6× (Adreno 640)",
    },
  ],
};

/** The rates by columns alone, by filters alone, and by both with the root of what stays each. */
function alexnetSettings(name: string, rates: typeof LOSSLESS, paper: string): Setting[] {
  const cuts = (kind: Kind, part: (keep: number) => number): Cut[] =>
    rates.map(([layer, removed]) => ({ kind, keep: part(1 - removed), nodes: alexnetNodes(layer) }));
  return [
    { name: `${name}, columns`, cuts: cuts("column", (keep) => keep), paper },
    { name: `${name}, filters`, cuts: cuts("filter", (keep) => keep), paper },
    { name: `${name}, both`, cuts: [...cuts("column", Math.sqrt), ...cuts("filter", Math.sqrt)], paper },
  ];
}

function networkCase(experiment: Experiment, batch: number, options: SuiteOptions): Case {
  const table = `${experiment.name}, batch ${batch}`;
  return {
    name: table,
    run: async (bench) => {
      const model = modelOf(experiment.graph(), options.seed);
      const pruned = experiment.settings.map(({ cuts }) => pruneAtRandom(model, cuts, options.seed));
      const contestants: { name: string; model: Model }[] = [
        { name: "dense", model: experiment.dense(model) },
        // Zeros cost a dense kernel as much as other weights: one masked network tells it for all.
        { name: `masked (${experiment.settings[0].name})`, model: experiment.dense(pruned[0].masked) },
        ...pruned.map(({ compact }, i) => ({ name: `compact (${experiment.settings[i].name})`, model: compact })),
      ];
      const differ = await differences(bench.gpu, pruned.map(({ masked, compact }) => [masked, compact]), options.seed);
      const jobs = await measureJobs(bench, options, (w) => {
        const input = w.own(imagesFor(bench.gpu, model.graph, batch, options.seed));
        return contestants.map(({ name, model }): Job => {
          const plan = w.own(compilePlan(bench.gpu, model, batch));
          return { name, work: workOf(model.graph, batch), record: () => void plan.run(input) };
        });
      });
      const [dense] = jobs;
      const macs = (m: Model) => graphCost(m.graph).macs;
      return jobs.map(({ name, time, work }, i): Row => {
        const { model } = contestants[i];
        return {
          table,
          name,
          time,
          work,
          facts: {
            "speed-up": `${(dense.time.medianMs / time.medianMs).toFixed(2)}×`,
            "published": experiment.settings[i - 2]?.paper ?? "",
            "MAC ratio": `${(macs(contestants[0].model) / macs(model)).toFixed(1)}×`,
            "weights, achieved": `${(convWeights(contestants[0].model) / convWeights(model)).toFixed(1)}×`,
            "largest difference to masked": i < 2 ? "" : differ[i - 2].toExponential(1),
          },
        };
      });
    },
  };
}

/** max|Δ| / max|y| of the pairs on one random image. @throws if any is more than rounding */
async function differences(gpu: Gpu, pairs: readonly (readonly [Model, Model])[], seed: number): Promise<number[]> {
  const found: number[] = [];
  for (const pair of pairs) {
    using input = imagesFor(gpu, pair[0].graph, 1, seed);
    const outputs: Float32Array[] = [];
    for (const model of pair) {
      const plan = compilePlan(gpu, model, 1);
      outputs.push(await plan.run(input).read());
      plan.dispose();
    }
    const [masked, compact] = outputs;
    const largest = masked.reduce((most, y) => Math.max(most, Math.abs(y)), 0);
    const apart = masked.reduce((most, y, i) => Math.max(most, Math.abs(y - compact[i])), 0) / largest;
    if (!(apart <= TOLERANCE)) {
      throw new Error(`"${pair[1].graph.name}" compact differs from masked by ${apart}: its time says nothing`);
    }
    found.push(apart);
  }
  return found;
}

const TOLERANCE = 1e-4;
