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
import { trainingRequests } from "../../src/measure/requests.ts";
import {
  agree,
  type Contest,
  type Contestant,
  gather,
  type Sample,
  standings,
  type Trial,
  turnsWithin,
} from "../contest.ts";
import { lenetProblem } from "../lenet/problem.ts";
import type { Problem } from "../problem.ts";
import { resnetProblem } from "../resnet/problem.ts";
import { secateurStep } from "../secateur.ts";
import { tuneFor } from "../tuned.ts";
import { type SteadyMemory, steadyMemory } from "../steady_memory.ts";
import { chosenCases, readOptions } from "../options.ts";
import { describeSetting, printSetting, writeRecord } from "../record.ts";
import { goalLines, type Goals } from "./match.ts";
import { race } from "./rounds.ts";
import { pinned } from "./versions.ts";

/** These steps warm up, too. */
const AGREEMENT = { tolerance: 1e-3, fewSteps: 3, now: () => performance.now() };
/** How long the samples of one contestant may take. */
const BUDGET_MS = 15_000;
const MEMORY_STEPS = 30;
/** Deno looks for a finished read about every 10 ms. */
const QUANTUM_MS = 10;
const GOALS: Goals = { "tfjs-webgpu": 12, "jax-js": 4 };

interface Net {
  readonly title: string;
  readonly problem: (seed: number) => Problem;
  readonly tfjs: (problem: Problem, version: string) => Promise<Contestant>;
  readonly jax: (problem: Problem, version: string) => Promise<Contestant>;
  /** How many steps are compared. */
  readonly compared: number;
  /** Who takes longer for a step is compared over few steps. */
  readonly patienceMs: number;
  /** Steps of a sample. */
  readonly steps: number;
}

const NETS: readonly Net[] = [
  {
    title: "LeNet-5 training step, batch 64",
    problem: lenetProblem,
    tfjs: async (problem, version) => (await import("./lenet/tfjs.ts")).tfjsStep(problem, version),
    jax: async (problem, version) => (await import("./lenet/jax.ts")).jaxStep(problem, version),
    compared: 20,
    patienceMs: Infinity,
    steps: 5,
  },
  {
    title: "ResNet-20 training step, batch 32",
    problem: resnetProblem,
    tfjs: async (problem, version) => (await import("./resnet/tfjs.ts")).tfjsStep(problem, version),
    jax: async (problem, version) => (await import("./resnet/jax.ts")).jaxStep(problem, version),
    // Rounding alone grows from 1e-6 at step 4 to 1e-3 at step 17: 20 batch norms divide by what they measured.
    compared: 12,
    patienceMs: 5000,
    steps: 1,
  },
];

const versions = {
  secateur: rootConfig.version,
  "tfjs-webgpu": pinned("@tensorflow/tfjs-backend-webgpu"),
  "jax-js": pinned("@jax-js/jax"),
};
const { rounds, steps, seed } = readOptions({ rounds: 5, steps: 0, seed: 1 });
const nets = chosenCases(NETS, ({ title }) => title);
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
let path = "";
for (const [i, net] of nets.entries()) {
  contests.push(await fight(net));
  const remaining = nets.slice(i + 1).map(({ title }) => title);
  // After each net: whoever ends the run early keeps what it found.
  path = writeRecord(setting, { title: "Training steps", rounds, contests, remaining });
}
console.log(`Written to ${path}`);
Deno.exit(contests.every(({ memory }) => memory?.steady) ? 0 : 1);

interface Fought extends Contest {
  readonly trials: readonly Trial[];
  readonly samples: readonly Sample[];
  /** Ours; absent when we didn't run. */
  readonly memory?: SteadyMemory;
}

async function fight(net: Net): Promise<Fought> {
  const problem = net.problem(seed);
  const perSample = steps || net.steps;
  await tuneFor(gpu, trainingRequests(gpu, problem.model, problem.batches[0].labels.length));
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
  console.log(`${net.title}\n`);
  const { trials, agreed, apart } = await agree(contestants, {
    ...AGREEMENT,
    steps: net.compared,
    patienceMs: net.patienceMs,
  });
  console.log(`Losses; a difference above ${AGREEMENT.tolerance} at any of the steps disqualifies`);
  console.log(
    formatTable([
      ["", "steps", "at step 1", `at step ${AGREEMENT.fewSteps}`, "at the last", "ms of step 1, compiling"],
      ...trials.map(({ name, losses, firstMs }) => [
        name,
        String(losses.length),
        ...[losses[0], losses[AGREEMENT.fewSteps - 1], losses.at(-1)!].map((loss) => loss.toFixed(6)),
        milliseconds(firstMs),
      ]),
    ], { header: true, left: 1 }),
  );
  const runners = agreed.map((contestant) => {
    const { stepMs } = trials.find(({ name }) => name === contestant.name)!;
    return { contestant, turns: turnsWithin(BUDGET_MS, stepMs * perSample, rounds) };
  });
  const samples = await race(runners, { title: net.title, steps: perSample });
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
    `Medians of at most ${rounds} rounds of rotated order, fewer for the slow; a sample is ${perSample} steps and one read, the clock's grain is ` +
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
  return { title: net.title, ranks, missing, goals, trials, samples, memory };
}
