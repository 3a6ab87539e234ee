/**
 * Suite "peers": matrix products and convolutions, one operation at a time, against TensorFlow.js, jax-js and gpu.js in one
 * process and on one adapter, a device each. Operands lie on the devices before, each in the layout that its owner likes; a
 * sample is some calls and one small read.
 */
import rootConfig from "../../deno.json" with { type: "json" };
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import type { Contest } from "../contest.ts";
import { runCases } from "../run_cases.ts";
import { chosenCases, readOptions } from "../options.ts";
import { describeSetting, printSetting, writeRecord } from "../record.ts";
import { contestOf, type Entry, type PeerRow, play, relativeDifference, rowsOf, type Rules } from "./match.ts";
import { macsOf, OP_CASES, type OpCase, operandsOf } from "./ops/cases.ts";
import { sampledReference } from "./ops/reference.ts";
import { secateurOp } from "./ops/secateur.ts";
import { peerTable } from "./table.ts";
import { pinned } from "./versions.ts";

/** Relative to the largest result: some add up to 32,768 products one after the other in float32. */
const TOLERANCE = 1e-4;
/** Deno looks for a finished read about every 10 ms. */
const QUANTUM_MS = 10;
/** A call that must take longer isn't made. */
const HOPELESS_MS = 30_000;

const { rounds, seed } = readOptions({ rounds: 5, steps: 1, seed: 1 });
const cases = chosenCases(OP_CASES, ({ name }) => name);
const rules: Rules = { rounds, sampleMs: 20 * QUANTUM_MS, tolerance: TOLERANCE, now: () => performance.now() };
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
/** GFLOP/s of the fastest case so far, by contestant and kind of operation. */
const best = new Map<string, number>();
let path = "";
await runCases(
  "peers",
  cases.map((op, i) => ({
    name: op.name,
    run: async () => {
      const found = await contest(op);
      rows.push(...found);
      console.log(peerTable(found) + "\n");
      const remaining = cases.slice(i + 1).map(({ name }) => name);
      // After each case: whoever ends the run early keeps what it found.
      path = writeRecord(setting, { title: "Single operations beside their peers", rounds, contests, rows, remaining });
    },
  })),
);
const claimed = rows.filter(({ goal }) => goal !== undefined);
console.log(`${claimed.filter(({ reached }) => reached).length} of ${claimed.length} goals reached.`);
console.log(
  `Medians of at most ${rounds} rounds of rotated order, fewer for the slow; a sample takes ${rules.sampleMs} ms at ` +
    `least, the clock's grain is ${QUANTUM_MS} ms. Results agree with ours within ${TOLERANCE} of the largest number, ` +
    "ours with float64 sums.",
);
console.log(`\nWritten to ${path}`);
Deno.exit(0);

async function contest(op: OpCase): Promise<PeerRow[]> {
  const operands = operandsOf(op, seed);
  const rival = (name: string, version: string, open: Entry["open"]): Entry => ({
    name,
    version,
    async open() {
      refuseHopeless(name, op);
      return await open();
    },
  });
  const entries = [
    { name: "secateur", version: versions.secateur, open: () => secateurOp(gpu, op, operands) },
    rival("tfjs-webgpu", versions["tfjs-webgpu"], async () => (await import("./ops/tfjs.ts")).tfjsOp(op, operands)),
    rival("jax-js", versions["jax-js"], async () => (await import("./ops/jax.ts")).jaxOp(op, operands)),
    ...(["webgpu", "cpu"] as const).map((mode) =>
      rival(
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
  const found = rowsOf(op.name, macsOf(op), outcome, op.goals);
  for (const { contestant, gflops = 0 } of found) {
    const key = `${contestant}, ${op.kind}`;
    best.set(key, Math.max(best.get(key) ?? 0, gflops));
  }
  return found;
}

/** A call in flight can't be stopped. @throws when the rival's best rate so far foretells a call without an end */
function refuseHopeless(name: string, op: OpCase): void {
  const rate = best.get(`${name}, ${op.kind}`) ?? Infinity;
  const ms = 2 * macsOf(op) / rate / 1e6;
  if (ms > HOPELESS_MS) {
    throw new Error(
      `not asked: at its best rate so far, ${rate.toPrecision(2)} GFLOP/s, a call takes ${(ms / 1000).toFixed(0)} s`,
    );
  }
}
