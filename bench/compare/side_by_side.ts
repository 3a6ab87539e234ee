/**
 * Runs a suite of two checkouts in one process: `side_by_side.ts <suite> <checkout before> <checkout after>`. Each has its own
 * modules and its own device, and they take turns sample by sample, because times of two processes differ by more than what
 * is looked for. Prints the samples as one line of JSON.
 */
import { pathToFileURL } from "node:url";
import type { Round } from "./ratios.ts";
import type { Suite } from "./suites.ts";

const SEED = 1;

/** Batch, channels, filters, side of the map, kernel, stride and groups. */
const CONVOLUTIONS = [
  [32, 16, 16, 32, 3, 1, 1],
  [32, 32, 32, 16, 3, 1, 1],
  [32, 64, 64, 8, 3, 1, 1],
  [32, 16, 32, 32, 3, 2, 1],
  [32, 13, 13, 32, 3, 1, 1],
  [8, 64, 256, 14, 1, 1, 1],
  [8, 128, 128, 14, 3, 1, 128],
] as const;

/** One row of a checkout. */
interface Work {
  readonly name: string;
  /** Times that a sample does the work. */
  readonly repeats: number;
  readonly samples: number;
  /** Does the work so many times and waits for the end. */
  run(times: number): Promise<unknown>;
}

/** A checkout's module, by its path in the checkout. */
// deno-lint-ignore no-explicit-any
type Load = (path: string) => Promise<any>;

const OPEN: Readonly<Record<Suite, (load: Load) => Promise<Work[]>>> = {
  inference,
  "train-step": trainingSteps,
  kernels: singleKernels,
};

const [suite, ...checkouts] = Deno.args as [Suite, string, string];
const [before, after] = await Promise.all(
  checkouts.map((checkout) => OPEN[suite]((path) => import(pathToFileURL(`${checkout}/${path}`).href))),
);
const round: Record<string, Round[string]> = {};
for (const [i, work] of before.entries()) round[work.name] = await inTurns(work, after[i]);
console.log(JSON.stringify(round));
Deno.exit(0);

async function inference(load: Load): Promise<Work[]> {
  const gpu = await openGpu(load);
  const { compilePlan } = await load("src/graph/plan.ts");
  const { createModel } = await load("src/models/zoo.ts");
  const { imagesFor, modelOf } = await load("bench/suites/inference.ts");
  return [1, 32].flatMap((batch) =>
    Object.entries({ dense: 1, compact: 0.5 }).map(([name, width]): Work => {
      const graph = createModel("resnet20", { width });
      const plan = compilePlan(gpu, modelOf(graph, SEED), batch);
      const input = imagesFor(gpu, graph, batch, SEED);
      return {
        name: `ResNet-20, batch ${batch}, ${name}`,
        repeats: batch === 1 ? 8 : 1,
        samples: 31,
        run(times) {
          for (let i = 0; i < times; i++) plan.run(input);
          return gpu.sync();
        },
      };
    })
  );
}

async function trainingSteps(load: Load): Promise<Work[]> {
  const gpu = await openGpu(load);
  const { secateurStep } = await load("bench/secateur.ts");
  const { lenetProblem } = await load("bench/lenet/problem.ts");
  const { resnetProblem } = await load("bench/resnet/problem.ts");
  const problems = {
    "LeNet-5 training step, batch 64": lenetProblem,
    "ResNet-20 training step, batch 32": resnetProblem,
  };
  return Object.entries(problems).map(([name, problem]): Work => {
    const step = secateurStep(gpu, problem(SEED), "");
    return { name, repeats: 2, samples: 11, run: (times) => step.run(times) };
  });
}

/** Products and convolutions of the suite "kernels", by each checkout's own planners. */
async function singleKernels(load: Load): Promise<Work[]> {
  const gpu = await openGpu(load);
  const { planGemm } = await load("kernels/gemm/plan.ts");
  const { planConvForward } = await load("kernels/conv/forward.ts");
  const { planConvDgrad } = await load("kernels/conv/dgrad.ts");
  const { planConvWgrad } = await load("kernels/conv/wgrad.ts");
  const { convOutput, convTaps, squareConv } = await load("kernels/conv/shape.ts");
  const { launch, tuningFor } = await load("src/tensor/ops/launch.ts");
  const { Tensor } = await load("src/tensor/tensor.ts");
  const tuning = tuningFor(gpu);
  // deno-lint-ignore no-explicit-any
  const work = (name: string, plan: any, sizes: Readonly<Record<string, number>>): Work => {
    const operands = Object.fromEntries(
      Object.entries(sizes).map(([operand, size]) => [operand, Tensor.zeros(gpu, [size])]),
    );
    return {
      name,
      repeats: 4,
      samples: 11,
      run(times) {
        for (let i = 0; i < times; i++) launch(gpu, plan, operands, name, [...plan.prepare ?? [], ...plan.steps]);
        return gpu.sync();
      },
    };
  };
  const products = [[512, 512, 512], [127, 2000, 333], [64, 500, 800]].map(([m, n, k]) =>
    work(`GEMM ${m}×${n}×${k}`, planGemm({ m, n, k, a: "k", b: "k" }, tuning), { a: m * k, b: n * k, y: m * n })
  );
  const convolutions = CONVOLUTIONS.flatMap(([batch, channels, filters, size, kernel, stride, groups]) => {
    const s = squareConv({ batch, channels, height: size, width: size, filters, kernel, stride, groups });
    const [rows, cols] = convOutput(s), name = `convolution ${channels}→${filters} ${kernel}×${kernel}, ${size}²`;
    const x = batch * channels * size * size, w = filters * convTaps(s), y = batch * filters * rows * cols;
    return [
      work(name, planConvForward(s, {}, tuning), { x, w, y }),
      work(`${name}, data gradient`, planConvDgrad(s, tuning), { dy: y, w, dx: x }),
      work(`${name}, weight gradient`, planConvWgrad(s, tuning), { x, dy: y, y: w }),
    ];
  });
  return [...products, ...convolutions];
}

async function openGpu(load: Load) {
  const { prepareEnvironment } = await load("src/cli/environment.ts");
  prepareEnvironment();
  const { Gpu } = await load("src/gpu/gpu.ts");
  return await Gpu.open();
}

/** Samples of both, after one of each that isn't counted; who goes first changes from sample to sample. */
async function inTurns(before: Work, after: Work): Promise<Round[string]> {
  await msOf(before);
  await msOf(after);
  const beforeMs: number[] = [], afterMs: number[] = [];
  for (let i = 0; i < before.samples; i++) {
    if (i % 2 === 0) beforeMs.push(await msOf(before));
    afterMs.push(await msOf(after));
    if (i % 2 === 1) beforeMs.push(await msOf(before));
  }
  return { beforeMs, afterMs };
}

async function msOf({ repeats, run }: Work): Promise<number> {
  const start = performance.now();
  await run(repeats);
  return (performance.now() - start) / repeats;
}
