/**
 * Suite "train-step": LeNet-5 (20-50-500), batch 64, and ResNet-20, batch 32, with momentum, on the same adapter, in one
 * process but on a device each. Data lie on the device before; a sample is several steps and one read of the loss. See
 * docs/benchmarks.md.
 */
import rootConfig from "../../deno.json" with { type: "json" };
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { formatTable } from "../../src/cli/table.ts";
import { bytes, milliseconds, times } from "../../src/report/format.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { agree, type Contest, type Contestant, gather, type Losses, type Sample, standings } from "../contest.ts";
import { lenetProblem } from "../lenet/problem.ts";
import type { Problem } from "../problem.ts";
import { resnetProblem } from "../resnet/problem.ts";
import { secateurStep } from "../secateur.ts";
import { type SteadyMemory, steadyMemory } from "../steady_memory.ts";
import { readOptions } from "../options.ts";
import { describeSetting, printSetting, writeRecord } from "../record.ts";
import { goalLines, type Goals } from "./match.ts";
import { race } from "./rounds.ts";
import { pinned } from "./versions.ts";

const TOLERANCE = 1e-3;
const WARM_STEPS = 1;
const MEMORY_STEPS = 50;
/** Deno looks for a finished read about every 10 ms. */
const QUANTUM_MS = 10;
const GOALS: Goals = { "tfjs-webgpu": 12, "jax-js": 4 };

interface Net {
  readonly title: string;
  readonly problem: (seed: number) => Problem;
  readonly tfjs: (problem: Problem, version: string) => Promise<Contestant>;
  readonly jax: (problem: Problem, version: string) => Promise<Contestant>;
  /** Losses are compared after so many. */
  readonly agreeSteps: number;
  /** Of a sample. */
  readonly steps: number;
}

const NETS: readonly Net[] = [
  {
    title: "LeNet-5 training step, batch 64",
    problem: lenetProblem,
    tfjs: async (problem, version) => (await import("./lenet/tfjs.ts")).tfjsStep(problem, version),
    jax: async (problem, version) => (await import("./lenet/jax.ts")).jaxStep(problem, version),
    agreeSteps: 20,
    steps: 5,
  },
  {
    title: "ResNet-20 training step, batch 32",
    problem: resnetProblem,
    tfjs: async (problem, version) => (await import("./resnet/tfjs.ts")).tfjsStep(problem, version),
    jax: async (problem, version) => (await import("./resnet/jax.ts")).jaxStep(problem, version),
    agreeSteps: 20,
    steps: 1,
  },
];

const versions = {
  secateur: rootConfig.version,
  "tfjs-webgpu": pinned("@tensorflow/tfjs-backend-webgpu"),
  "jax-js": pinned("@jax-js/jax"),
};
const { rounds, steps, seed } = readOptions({ rounds: 5, steps: 0, seed: 1 });
prepareEnvironment();
const gpu = await Gpu.open();
const setting = await describeSetting("train-step", gpu, {
  versions,
  seed,
  clock: "wall clock, with the final read",
  quantumMs: QUANTUM_MS,
});
console.log("Training steps, SGD with momentum\n");
printSetting(setting);
const contests: Fought[] = [];
for (const net of NETS) contests.push(await fight(net));
console.log(`Written to ${writeRecord(setting, { title: "Training steps", rounds, contests })}`);
Deno.exit(contests.every(({ memory }) => memory?.steady) ? 0 : 1);

interface Fought extends Contest {
  readonly losses: readonly Losses[];
  readonly samples: readonly Sample[];
  /** Ours; absent when we didn't run. */
  readonly memory?: SteadyMemory;
}

async function fight(net: Net): Promise<Fought> {
  const problem = net.problem(seed);
  const perSample = steps || net.steps;
  const ours = secateurStep(gpu, problem, versions.secateur);
  const { contestants, absent } = await gather([
    { name: ours.name, version: ours.version, open: () => Promise.resolve(ours) },
    {
      name: "tfjs-webgpu",
      version: versions["tfjs-webgpu"],
      open: () => net.tfjs(problem, versions["tfjs-webgpu"]),
    },
    { name: "jax-js", version: versions["jax-js"], open: () => net.jax(problem, versions["jax-js"]) },
  ]);
  const { losses, agreed, apart } = await agree(contestants, net.agreeSteps, TOLERANCE);
  console.log(`${net.title}\n`);
  console.log(`Loss at step 1 and at step ${net.agreeSteps}; a difference above ${TOLERANCE} disqualifies`);
  console.log(
    formatTable(losses.map(({ name, first, last }) => [name, first.toFixed(6), last.toFixed(6)]), { left: 1 }),
  );
  for (const contestant of agreed) await contestant.run(WARM_STEPS);
  const samples = await race(agreed, { title: net.title, rounds, steps: perSample });
  const ranks = standings(agreed, samples);
  const missing = [...absent, ...apart];
  const goals = goalLines(ranks, GOALS);
  console.log(
    "\n" + formatTable([
      ["", "version", "ms per step", "MAD", "ratio", "samples"],
      ...ranks.map(({ name, medianMs, madMs, ratio, samples }, i) => [
        name,
        agreed[i].version,
        milliseconds(medianMs),
        milliseconds(madMs),
        times(ratio),
        String(samples),
      ]),
    ], { header: true, left: 2 }),
  );
  for (const { name, version, reason } of missing) console.log(`${name}  ${version}  did not run: ${reason}`);
  for (const goal of goals) console.log(goal);
  console.log(
    `Medians of ${rounds} rounds of rotated order; a sample is ${perSample} steps and one read, the clock's grain is ` +
      `${(QUANTUM_MS / perSample).toFixed(1)} ms per step.`,
  );
  const memory = agreed.includes(ours)
    ? await steadyMemory(gpu, () => ours.record().dispose(), MEMORY_STEPS)
    : undefined;
  if (memory) {
    const { steady, live, peak } = memory;
    console.log(
      `Memory of secateur over ${MEMORY_STEPS} more steps: live ${bytes(live[0])}, peak ${bytes(peak[0])}, ` +
        (steady ? "constant" : `NOT constant: live ${live.join("…")}, peak ${peak.join("…")} bytes`),
    );
  }
  console.log("");
  for (const contestant of contestants) contestant.dispose();
  return { title: net.title, ranks, missing, goals, losses, samples, memory };
}
