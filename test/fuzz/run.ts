/** Mutated files against the readers: `deno run -A test/fuzz/run.ts [--count 10000] [--seed 1] [--from 0]`. */
import { describeFailure, fuzz } from "./fuzz.ts";

const option = (name: string, otherwise: number): number => {
  const at = Deno.args.indexOf(`--${name}`);
  const value = at < 0 ? otherwise : Number(Deno.args[at + 1]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} is ${Deno.args[at + 1] ?? "missing"}, a whole number expected`);
  Deno.exit(2);
};

const started = performance.now();
const { loaded, refused, failures, peakBytes, slowestMs } = await fuzz({
  seed: option("seed", 1),
  from: option("from", 0),
  count: option("count", 10_000),
  progress: (done) => done % 1000 === 0 && console.log(`${done} cases`),
});
for (const failure of failures) console.log(`\nFAILED ${describeFailure(failure)}`);
console.log(
  `\n${loaded} loaded, ${refused} refused, ${failures.length} failed in ` +
    `${((performance.now() - started) / 1000).toFixed(0)} s; ` +
    `slowest ${slowestMs.toFixed(0)} ms, peak ${(peakBytes / 2 ** 20).toFixed(0)} MiB`,
);
Deno.exit(failures.length > 0 ? 1 : 0);
