/**
 * Mutated files against the readers: `deno run -A test/fuzz/run.ts [--count 10000] [--seed 1] [--from 0] [--out report.json]`.
 */
import { commit } from "../../src/cli/identity.ts";
import { scriptOptions } from "../options.ts";
import { describeFailure, fuzz } from "./fuzz.ts";

const values = scriptOptions({
  count: { type: "string", default: "10000" },
  seed: { type: "string", default: "1" },
  from: { type: "string", default: "0" },
  out: { type: "string" },
});
const option = (name: "count" | "seed" | "from"): number => {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} is ${values[name]}, a whole number expected`);
  Deno.exit(2);
};

const started = performance.now();
const outcome = await fuzz({
  seed: option("seed"),
  from: option("from"),
  count: option("count"),
  progress: (done) => done % 1000 === 0 && console.log(`${done} cases`),
});
const { loaded, refused, kinds, failures, peakBytes, slowest } = outcome;
for (const failure of failures) console.log(`\nFAILED ${describeFailure(failure)}`);
for (const [kind, { loaded, refused }] of Object.entries(kinds)) {
  console.log(`${kind.padEnd(12)} ${loaded} loaded, ${refused} refused`);
}
console.log(
  `\n${loaded} loaded, ${refused} refused, ${failures.length} failed in ` +
    `${((performance.now() - started) / 1000).toFixed(0)} s; ` +
    `slowest ${slowest.ms.toFixed(0)} ms (case ${slowest.number}), peak ${(peakBytes / 2 ** 20).toFixed(0)} MiB`,
);
if (values.out !== undefined) {
  const command = ["deno run -A test/fuzz/run.ts", ...Deno.args].join(" ");
  const seconds = Math.round((performance.now() - started) / 1000);
  const report = { command, commit: await commit(), seed: option("seed"), seconds, ...outcome };
  await Deno.writeTextFile(values.out, JSON.stringify(report, null, 2) + "\n");
}
Deno.exit(failures.length > 0 ? 1 : 0);
