/** Mutated files against the readers: `deno run -A test/fuzz/run.ts [--count 10000] [--seed 1] [--from 0]`. */
import { scriptOptions } from "../options.ts";
import { describeFailure, fuzz } from "./fuzz.ts";

const values = scriptOptions({
  count: { type: "string", default: "10000" },
  seed: { type: "string", default: "1" },
  from: { type: "string", default: "0" },
});
const option = (name: "count" | "seed" | "from"): number => {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} is ${values[name]}, a whole number expected`);
  Deno.exit(2);
};

const started = performance.now();
const { loaded, refused, failures, peakBytes, slowestMs } = await fuzz({
  seed: option("seed"),
  from: option("from"),
  count: option("count"),
  progress: (done) => done % 1000 === 0 && console.log(`${done} cases`),
});
for (const failure of failures) console.log(`\nFAILED ${describeFailure(failure)}`);
console.log(
  `\n${loaded} loaded, ${refused} refused, ${failures.length} failed in ` +
    `${((performance.now() - started) / 1000).toFixed(0)} s; ` +
    `slowest ${slowestMs.toFixed(0)} ms, peak ${(peakBytes / 2 ** 20).toFixed(0)} MiB`,
);
Deno.exit(failures.length > 0 ? 1 : 0);
