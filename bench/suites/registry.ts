import type { OPTIONS } from "../options.ts";

export type OptionName = keyof typeof OPTIONS;

/** The suites that `deno task bench` knows. */
export interface Suite {
  readonly name: string;
  readonly about: string;
  /** Path below bench/. */
  readonly file: string;
  /** What the file is told beside the options. */
  readonly args?: readonly string[];
  /** Configuration to run it with, path below bench/: rivals come with one of their own, so that nobody else downloads them. */
  readonly config: string;
  /** What it takes; with "browser" it can run in Chromium as a whole. */
  readonly options: readonly OptionName[];
}

const measured = (name: string, about: string, own: readonly OptionName[] = []): Suite => ({
  name,
  about,
  file: "run.ts",
  args: [name],
  config: "deno.json",
  options: ["rounds", "seed", "case", ...own, "browser", "no-tune"],
});

export const SUITES: readonly Suite[] = [
  measured("kernels", "our kernels one by one, against the roofs of the adapter", ["variant"]),
  measured("sparse", "sparse formats against our own dense kernels, by density", ["variant"]),
  measured("projection", "projections of 10⁷ weights against copying them once"),
  measured("training", "one training step of LeNet-5 and of ResNet-20, here alone"),
  {
    name: "train-step",
    about: "one training step of LeNet-5 and of ResNet-20, against TensorFlow.js and jax-js",
    file: "peers/train_step.ts",
    config: "peers/deno.json",
    options: ["rounds", "steps", "seed", "case"],
  },
  {
    name: "peers",
    about: "single operations against TensorFlow.js, jax-js and gpu.js",
    file: "peers/ops.ts",
    config: "peers/deno.json",
    options: ["rounds", "seed", "case"],
  },
  {
    name: "peers-inference",
    about: "ResNet-20 in Chromium against TensorFlow.js and ONNX Runtime",
    file: "peers/inference.ts",
    config: "peers/deno.json",
    options: ["rounds", "seed", "case"],
  },
  {
    name: "peers-torch",
    about: "ResNet-20 against PyTorch on the processor, where a Python has it",
    file: "peers/torch.ts",
    config: "deno.json",
    options: ["rounds", "seed", "case"],
  },
  measured("inference", "ResNet-20 whole against half the filters in each layer", ["batch"]),
  measured("headline", "AlexNet and ResNet-18 pruned as StructADMM did: dense, masked, compact", ["batch"]),
  measured("depth", "ResNet-34, MobileNetV2, ConvNeXt-T and DeiT-T with merged blocks against the whole networks", [
    "batch",
  ]),
  {
    name: "compiler",
    about: "how our networks' kernels compile for a GPU that this machine hasn't got (Linux with Mesa)",
    file: "compiler/main.ts",
    config: "deno.json",
    options: ["case", "gpu", "profile", "show", "json"],
  },
  {
    name: "methods",
    about: "pruning methods on the same networks, data and epochs: docs/methods.md",
    file: "../scripts/methods/bench.ts",
    // It carries out recipes, as `prune` does.
    config: "../deno.json",
    options: ["seed", "case", "weights", "data"],
  },
  {
    name: "profile",
    about: "where the time of our own training step goes",
    file: "suites/profile.ts",
    config: "deno.json",
    options: ["rounds", "seed"],
  },
];
