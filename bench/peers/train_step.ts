/**
 * Suite "train-step": LeNet-5 (20-50-500), batch 64, momentum, on the same adapter, in one process but on a device each.
 * Data lie on the device before; a sample is several steps and one read of the loss. See docs/benchmarks.md.
 */
import rootConfig from "../../deno.json" with { type: "json" };
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { formatTable } from "../../src/cli/table.ts";
import { bytes, milliseconds, times } from "../../src/report/format.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { type Absent, agree, gather, standings } from "../contest.ts";
import { lenetProblem } from "../lenet/problem.ts";
import { secateurStep } from "../secateur.ts";
import { steadyMemory } from "../steady_memory.ts";
import { readOptions } from "../options.ts";
import { describeSetting, printSetting, writeRecord } from "../record.ts";
import config from "./deno.json" with { type: "json" };
import { race } from "./rounds.ts";

const AGREE_STEPS = 20;
const TOLERANCE = 1e-3;
const WARM_STEPS = 3;
/** Deno looks for a finished read about every 10 ms. */
const QUANTUM_MS = 10;

prepareEnvironment();
const { rounds, steps, seed } = readOptions({ rounds: 7, steps: 5, seed: 1 });

const gpu = await Gpu.open();
const problem = lenetProblem(seed);
const ours = secateurStep(gpu, problem, rootConfig.version);
const [tfjs, jax] = ["@tensorflow/tfjs-backend-webgpu", "@jax-js/jax"] as const;
const entries = [
  { name: ours.name, version: ours.version, open: () => Promise.resolve(ours) },
  {
    name: "tfjs-webgpu",
    version: pinned(tfjs),
    open: async () => (await import("./tfjs.ts")).tfjsStep(problem, pinned(tfjs)),
  },
  { name: "jax-js", version: pinned(jax), open: async () => (await import("./jax.ts")).jaxStep(problem, pinned(jax)) },
];
const setting = await describeSetting("train-step", gpu, {
  versions: Object.fromEntries(entries.map(({ name, version }) => [name, version])),
  seed,
  clock: "wall clock, with the final read",
  quantumMs: QUANTUM_MS,
});
console.log(`LeNet-5 training step, batch 64, SGD with momentum\n`);
printSetting(setting);

const { contestants, absent } = await gather(entries);
const { losses, agreed, apart } = await agree(contestants, AGREE_STEPS, TOLERANCE);
console.log(`Loss at step 1 and at step ${AGREE_STEPS}; a difference above ${TOLERANCE} disqualifies`);
console.log(formatTable(losses.map(({ name, first, last }) => [name, first.toFixed(6), last.toFixed(6)]), { left: 1 }));
for (const contestant of agreed) await contestant.run(WARM_STEPS);

console.log(`\n${rounds} rounds of rotated order; a sample is ${steps} steps and one read`);
const samples = await race(agreed, {
  title: "train-step",
  rounds,
  steps,
  onSample: ({ name, msPerStep }, round) => console.log(`  ${round + 1}  ${name}  ${milliseconds(msPerStep)} ms`),
});
const ranks = standings(agreed, samples);
const missing: Absent[] = [...absent, ...apart];
console.log(
  "\n" + formatTable([
    ["", "version", "ms per step", "MAD", "ratio", "samples"],
    ...ranks.map(({ name, medianMs, madMs, ratio, samples }) => [
      name,
      versionOf(name),
      milliseconds(medianMs),
      milliseconds(madMs),
      times(ratio),
      String(samples),
    ]),
  ], { header: true, left: 2 }),
);
for (const { name, version, reason } of missing) console.log(`${name}  ${version}  did not run: ${reason}`);
console.log(
  `Medians; MAD is the median distance from them. The clock's grain is ${(QUANTUM_MS / steps).toFixed(1)} ms per step.`,
);

const weRan = agreed.some(({ name }) => name === ours.name);
const memory = weRan ? await steadyMemory(gpu, () => ours.record().dispose(), 200) : undefined;
if (memory) {
  const { steady, live, peak } = memory;
  console.log(
    `\nMemory of secateur over 200 more steps: live ${bytes(live[0])}, peak ${bytes(peak[0])}, ` +
      (steady ? "constant" : `NOT constant: live ${live.join("…")}, peak ${peak.join("…")} bytes`),
  );
}
console.log(`\nWritten to ${writeRecord(setting, { rounds, steps, losses, ranks, samples, missing, memory })}`);
for (const contestant of contestants) contestant.dispose();
Deno.exit(memory?.steady ? 0 : 1);

function versionOf(name: string): string {
  return entries.find((entry) => entry.name === name)!.version;
}

/** The version in our import map, which pins it exactly. */
function pinned(name: keyof typeof config.imports): string {
  return config.imports[name].split("@").at(-1)!;
}
