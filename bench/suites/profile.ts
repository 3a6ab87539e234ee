/**
 * Suite "profile": where the time of our LeNet-5 training step goes. One step's dispatches are noted and then timed one
 * by one, on buffers that lie where they lay. Their sum differs from the step's time by what is spent between them, and
 * by caches that one dispatch finds warm when it is repeated alone.
 */
import config from "../../deno.json" with { type: "json" };
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { formatTable } from "../../src/cli/table.ts";
import { milliseconds, percent } from "../../src/report/format.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { measureInterleaved } from "../../src/measure/interleaved.ts";
import { lenetProblem } from "../lenet/problem.ts";
import { secateurStep } from "../secateur.ts";
import { readOptions } from "../options.ts";
import { describeSetting, printSetting, writeRecord } from "../record.ts";

const WARM_STEPS = 5;

const { rounds, seed } = readOptions({ rounds: 5, steps: 1, seed: 1 });
prepareEnvironment();
const gpu = await Gpu.open();
const step = secateurStep(gpu, lenetProblem(seed), config.version);
await step.run(WARM_STEPS);

const record = () => step.record().dispose();
const [whole, ...parts] = await measureInterleaved(gpu, [{ name: "step", record }, ...dispatchesOf(record)], {
  seconds: 0,
  minSamples: rounds,
  maxSamples: rounds,
});
parts.sort((a, b) => b.medianMs - a.medianMs);

const setting = await describeSetting("profile", gpu, {
  versions: { secateur: config.version },
  seed,
  clock: whole.clock,
  quantumMs: whole.quantumMs,
});
console.log("LeNet-5 training step, batch 64, dispatch by dispatch\n");
printSetting(setting);
const sum = parts.reduce((sum, { medianMs }) => sum + medianMs, 0);
console.log(formatTable([
  ["dispatch", "ms", "MAD", "of the step"],
  ...parts.map(({ name, medianMs, madMs }) => [
    name,
    milliseconds(medianMs),
    milliseconds(madMs),
    percent(medianMs / whole.medianMs),
  ]),
  ["sum of the above", milliseconds(sum), "", percent(sum / whole.medianMs)],
  ["whole step", milliseconds(whole.medianMs), milliseconds(whole.madMs), percent(1)],
], { header: true, left: 1 }));
console.log(`Medians of ${rounds} samples by ${setting.clock}, whose grain is ${setting.quantumMs} ms.`);
console.log(`\nWritten to ${writeRecord(setting, { whole, parts })}`);
step.dispose();
gpu.close();

/** What `record` dispatches, each to be recorded again by itself. */
function dispatchesOf(record: () => void): { name: string; record: () => void }[] {
  const noted: { name: string; record: () => void }[] = [];
  const run = gpu.run.bind(gpu);
  gpu.run = (plan, bindings, label = "") => {
    const kept = [...bindings];
    noted.push({ name: `${noted.length + 1} ${plan.program.name}, ${label}`, record: () => run(plan, kept, label) });
    run(plan, bindings, label);
  };
  record();
  gpu.run = run;
  return noted;
}
