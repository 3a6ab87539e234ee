/**
 * Suite "depth": what networks gain whose blocks were merged into one layer each, against the whole ones through the same plan
 * builder. It times only: weights are seeded, nothing is trained, and no accuracy is claimed.
 */
import { graphCost } from "../../src/graph/cost.ts";
import { peakBytes } from "../../src/graph/peak_bytes.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import type { Graph } from "../../src/graph/types.ts";
import { createModel, type ModelOptions } from "../../src/models/zoo.ts";
import { type Choice, mergedNetwork } from "../depth/merged.ts";
import { PUBLISHED } from "../depth/published.ts";
import {
  atLeast,
  type Case,
  type Goal,
  type Job,
  type MeasuredSuite,
  measureJobs,
  type Row,
  type SuiteOptions,
} from "../suite.ts";
import { imagesFor, modelOf, workOf } from "./inference.ts";

/** Of what the multiply-adds alone would gain. */
const SHARE = 0.8;
/** Small batches are no claim: there, launches weigh more than multiply-adds. */
const LARGE_BATCH = 8;

export const depth: MeasuredSuite = {
  name: "depth",
  title: "Networks with merged blocks against whole ones",
  notes: [
    "Weights are seeded: this times the networks, it trains nothing and says nothing about accuracy. All go through the same " +
    "inference plan, at 224×224.",
    "Merged are the earliest blocks that have fewer multiply-adds for it, which give most of the time. Half of them are 9 of " +
    "ConvNeXt-T's 18, 6 of DeiT-T's 12 and 8 of MobileNetV2's 17.",
    `"${SHARE} of it" is the bound: 1 + ${SHARE} · (MAC ratio − 1).`,
  ],
  defaults: { seed: 1, rounds: 3 },
  cases: (options) => [
    ...NETWORKS.flatMap((network) =>
      (options.batches ?? [1, LARGE_BATCH]).map((b) => networkCase(network, b, options))
    ),
    ...WIDTHS.map((network) => networkCase(network, LARGE_BATCH, options)),
    publishedCase(),
  ],
};

interface Setting extends Choice {
  readonly name: string;
  /** "share": of the multiply-adds that are saved; "faster": than dense. Default: none, it is there to be seen. */
  readonly goal?: "share" | "faster";
}

interface Network {
  readonly name: string;
  readonly model: string;
  readonly options?: ModelOptions;
  readonly settings: readonly Setting[];
}

const NETWORKS: readonly Network[] = [
  { name: "ConvNeXt-T", model: "convnext-t", settings: blocksOf("identity", [2, 4, 6, 9], [6, 9]) },
  { name: "DeiT-T", model: "deit-t", settings: blocksOf("attention", [2, 4, 6], [6]) },
  { name: "MobileNetV2", model: "mobilenetv2", settings: blocksOf("identity", [2, 4, 6, 8], [8]) },
  {
    name: "ResNet-34",
    model: "resnet34",
    settings: [
      { name: "2 blocks as 5×5", form: "identity", blocks: 2, layers: "one" },
      { name: "2 blocks as 3×3", form: "second", blocks: 2, goal: "faster" },
      { name: "4 blocks as 3×3", form: "second", blocks: 4, goal: "faster" },
      { name: "6 blocks as 3×3", form: "second", blocks: 6, goal: "faster" },
      { name: "6 blocks skipped", form: "skip", blocks: 6, goal: "faster" },
    ],
  },
];

/** ConvNeXt-T beside two narrower ones, half of the blocks of each. */
const WIDTHS: readonly Network[] = [0.75, 0.5].map((width) => ({
  name: `ConvNeXt-T of ${width} times the channels`,
  model: "convnext-t",
  options: { width },
  settings: blocksOf("identity", [9], [9]),
}));

function blocksOf(form: Choice["form"], counts: readonly number[], claimed: readonly number[]): Setting[] {
  return counts.map((blocks) => ({
    name: `${blocks} blocks`,
    form,
    blocks,
    ...claimed.includes(blocks) && { goal: "share" as const },
  }));
}

function networkCase({ name, model, options: form, settings }: Network, batch: number, options: SuiteOptions): Case {
  const table = `${name}, batch ${batch}`;
  return {
    name: table,
    run: async (bench) => {
      const whole = createModel(model, form);
      const graphs: readonly { name: string; graph: Graph; setting?: Setting }[] = [
        { name: "whole", graph: whole },
        ...settings.map((setting) => ({ name: setting.name, graph: mergedNetwork(whole, setting).graph, setting })),
      ];
      const steps: number[] = [];
      const [dense, ...others] = await measureJobs(bench, options, (w) => {
        const input = w.own(imagesFor(bench.gpu, whole, batch, options.seed));
        return graphs.map(({ name, graph }, i): Job => {
          const plan = w.own(compilePlan(bench.gpu, modelOf(graph, options.seed), batch));
          steps[i] = plan.steps.length;
          return { name, work: workOf(graph, batch), record: () => void plan.run(input) };
        });
      });
      return [dense, ...others].map(({ name, time, work }, i): Row => {
        const { graph, setting } = graphs[i];
        const ratio = graphCost(whole).macs / graphCost(graph).macs;
        const speedup = dense.time.medianMs / time.medianMs;
        return {
          table,
          name,
          time,
          work,
          facts: {
            "speed-up": `${speedup.toFixed(2)}×`,
            "MAC ratio": `${ratio.toFixed(2)}×`,
            [`${SHARE} of it`]: setting && ratio > 1 ? `${(1 + SHARE * (ratio - 1)).toFixed(2)}×` : "",
            "steps": steps[i],
            "activations, MB": (peakBytes(graph, batch) / 1e6).toFixed(1),
          },
          ...batch >= LARGE_BATCH && { goal: goalOf(setting?.goal, speedup, ratio) },
        };
      });
    },
  };
}

function goalOf(kind: Setting["goal"], speedup: number, ratio: number): Goal | undefined {
  if (kind === "share") {
    return atLeast(`gain ≥ ${100 * SHARE} % of the MACs'`, (speedup - 1) / (ratio - 1), SHARE);
  }
  return kind && atLeast("faster than whole", speedup, 1);
}

/** Others' results, to compare with: nothing of it is measured here. */
function publishedCase(): Case {
  const table = "Published for relatives, on GPUs and with training";
  return {
    name: "published",
    run: () => Promise.resolve(PUBLISHED.map(({ name, ...facts }): Row => ({ table, name, facts }))),
  };
}
