/**
 * Times the training steps of one checkout by itself, without rivals: `training_steps.ts <checkout>`, under that checkout's
 * bench/deno.json. Prints {"row": ms per step} as one line of JSON. Plans are untuned.
 */
import type { TrainingStep } from "../secateur.ts";
import type { Problem } from "../problem.ts";
import { pathToFileURL } from "node:url";

const [checkout] = Deno.args;
const from = (path: string) => import(pathToFileURL(`${checkout}/${path}`).href);
const SEED = 1, STEPS = 10, SAMPLES = 5;

const { prepareEnvironment } = await from("src/cli/environment.ts");
prepareEnvironment();
const { Gpu } = await from("src/gpu/gpu.ts");
const { secateurStep } = await from("bench/secateur.ts");
const nets: Readonly<Record<string, (seed: number) => Problem>> = {
  "LeNet-5 training step, batch 64": (await from("bench/lenet/problem.ts")).lenetProblem,
  "ResNet-20 training step, batch 32": (await from("bench/resnet/problem.ts")).resnetProblem,
};

const medians: Record<string, number> = {};
for (const [name, problem] of Object.entries(nets)) {
  const gpu = await Gpu.open();
  const step: TrainingStep = secateurStep(gpu, problem(SEED), "");
  await step.run(STEPS);
  const samples: number[] = [];
  for (let i = 0; i < SAMPLES; i++) {
    const start = performance.now();
    await step.run(STEPS);
    samples.push((performance.now() - start) / STEPS);
  }
  medians[name] = samples.sort((a, b) => a - b)[SAMPLES >> 1];
  step.dispose();
  gpu.close();
}
console.log(JSON.stringify(medians));
