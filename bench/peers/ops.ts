/**
 * Suite "peers": matrix products and convolutions, one operation at a time, against TensorFlow.js, jax-js and gpu.js in one
 * process and on one adapter, a device each. Operands lie on the devices before, each in the layout that its owner likes; a
 * sample is some calls and one small read.
 */
import rootConfig from "../../deno.json" with { type: "json" };
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import type { Contest } from "../contest.ts";
import { hold } from "../hold.ts";
import { readOptions } from "../options.ts";
import { describeSetting, printSetting, writeRecord } from "../record.ts";
import { contestOf, type Entry, type PeerRow, play, relativeDifference, rowsOf, type Rules } from "./match.ts";
import { macsOf, OP_CASES, operandsOf } from "./ops/cases.ts";
import { sampledReference } from "./ops/reference.ts";
import { secateurOp } from "./ops/secateur.ts";
import { peerTable } from "./table.ts";
import { pinned } from "./versions.ts";

/** Relative to the largest result: some add up to 32,768 products one after the other in float32. */
const TOLERANCE = 1e-4;
/** Deno looks for a finished read about every 10 ms. */
const QUANTUM_MS = 10;

const { rounds, seed } = readOptions({ rounds: 5, steps: 1, seed: 1 });
const rules: Rules = { rounds, sampleMs: 20 * QUANTUM_MS, tolerance: TOLERANCE };
prepareEnvironment();
const gpu = await Gpu.open();
const versions = {
  secateur: rootConfig.version,
  "tfjs-webgpu": pinned("@tensorflow/tfjs-backend-webgpu"),
  "jax-js": pinned("@jax-js/jax"),
  "gpu.js": pinned("gpu.js"),
};
const setting = await describeSetting("peers", gpu, {
  versions,
  seed,
  clock: "wall clock, with the final read",
  quantumMs: QUANTUM_MS,
});
console.log("Single operations beside their peers\n");
printSetting(setting);

const rows: PeerRow[] = [];
const contests: Contest[] = [];
await hold(
  "peers",
  OP_CASES.map((op) => ({
    name: op.name,
    run: async () => {
      const found = await contest(op);
      rows.push(...found);
      console.log(peerTable(found) + "\n");
    },
  })),
);
const claimed = rows.filter(({ goal }) => goal !== undefined);
console.log(`${claimed.filter(({ reached }) => reached).length} of ${claimed.length} goals reached.`);
console.log(
  `Medians of ${rounds} rounds of rotated order; a sample takes ${rules.sampleMs} ms at least, the clock's grain is ` +
    `${QUANTUM_MS} ms. Results agree with ours within ${TOLERANCE} of the largest number, ours with float64 sums.`,
);
console.log(
  `\nWritten to ${writeRecord(setting, { title: "Single operations beside their peers", rounds, contests, rows })}`,
);
Deno.exit(0);

async function contest(op: (typeof OP_CASES)[number]): Promise<PeerRow[]> {
  const operands = operandsOf(op, seed);
  const entry = (name: string, version: string, open: Entry["open"]): Entry => ({ name, version, open });
  const entries = [
    entry("secateur", versions.secateur, () => secateurOp(gpu, op, operands)),
    entry("tfjs-webgpu", versions["tfjs-webgpu"], async () => (await import("./ops/tfjs.ts")).tfjsOp(op, operands)),
    entry("jax-js", versions["jax-js"], async () => (await import("./ops/jax.ts")).jaxOp(op, operands)),
    ...(["webgpu", "cpu"] as const).map((mode) =>
      entry(
        `gpu.js ${mode}`,
        versions["gpu.js"],
        async () => (await import("./ops/gpujs.ts")).gpujsOp(mode, op, operands),
      )
    ),
  ];
  const outcome = await play(entries, rules, (output) => {
    const sampled = sampledReference(op, operands, output.length, seed);
    const apart = relativeDifference(sampled.map(({ value }) => value), sampled.map(({ index }) => output[index]));
    if (!(apart <= TOLERANCE)) throw new Error(`${op.name}: ours is ${apart.toExponential(1)} away from float64 sums`);
  });
  contests.push(contestOf(op.name, outcome, op.goals));
  return rowsOf(op.name, macsOf(op), outcome, op.goals);
}
