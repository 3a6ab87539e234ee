/**
 * Compares this checkout's times with another one's: `deno run -A bench/compare/compare.ts <other checkout> [--suite name]
 * [--rounds n]`. A round runs the suite once in either checkout, each in a process of its own, in an order that changes from
 * round to round, so that what else the machine does meets both alike. Plans are untuned: tuned ones differ by chance. Prints
 * each row's ratio, this checkout's time / the other's, and their geometric mean.
 */
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { formatTable } from "../../src/cli/table.ts";
import type { Row } from "../suite.ts";
import { MEASURED } from "../suites/measured.ts";
import { compareRounds, type Round, type Times } from "./ratios.ts";

/** A row that is slower than this in a round is counted. */
const LIMIT = 1.1;
const SUITES = ["train-step", ...MEASURED.map(({ name }) => name)];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { suite: { type: "string", default: "inference" }, rounds: { type: "string", default: "10" } },
});
const rounds = Number(values.rounds);
if (positionals.length !== 1 || !SUITES.includes(values.suite) || !(Number.isInteger(rounds) && rounds > 0)) {
  console.error(
    `usage: compare.ts <other checkout> [--suite ${SUITES.join("|")}] [--rounds n], n a whole number above 0`,
  );
  Deno.exit(2);
}
const here = resolve(import.meta.dirname!, "../.."), other = resolve(positionals[0]);

const measured: Round[] = [];
for (let round = 0; round < rounds; round++) {
  console.error(`round ${round + 1} of ${rounds}`);
  const order = round % 2 === 0 ? [other, here] : [here, other];
  const times = new Map<string, Times>();
  for (const checkout of order) times.set(checkout, await timesOf(checkout, values.suite));
  measured.push({ before: times.get(other)!, after: times.get(here)! });
}
const { rows, geometricMean, left } = compareRounds(measured, LIMIT);
const lines = rows.map(({ name, beforeMs, afterMs, ratio, above }) => [
  ...[name, beforeMs.toPrecision(3), afterMs.toPrecision(3), ratio.toFixed(3)],
  `${above} of ${rounds}`,
]);
console.log(
  formatTable([["row", "other ms", "here ms", "ratio", `above ${LIMIT}`], ...lines], { header: true, left: 1 }),
);
if (left.length > 0) console.log(`Not in every run: ${left.join("; ")}`);
console.log(`\nGeometric mean of ${rows.length} ratios, here / other: ${geometricMean.toFixed(3)}`);

async function timesOf(checkout: string, suite: string): Promise<Times> {
  if (suite === "train-step") {
    const out = await run(checkout, `${here}/bench/compare/training_steps.ts`, checkout);
    return new Map(Object.entries(JSON.parse(out.trim().split("\n").at(-1)!) as Record<string, number>));
  }
  const out = await run(checkout, `${checkout}/bench/run.ts`, suite, "--no-tune");
  const path = /^Written to (.+)$/m.exec(out)?.[1];
  if (!path) throw new Error(`${checkout}: the suite "${suite}" wrote no record`);
  const { results } = JSON.parse(await Deno.readTextFile(path)) as { results: { rows: readonly Row[] } };
  return new Map(results.rows.flatMap(({ table, name, time }) => time ? [[`${table}: ${name}`, time.medianMs]] : []));
}

/** What a script prints under a checkout's own configuration. */
async function run(checkout: string, script: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", `${checkout}/bench/deno.json`, script, ...args],
    cwd: dirname(`${checkout}/bench/deno.json`),
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  throw new Error(`${script} failed in ${checkout}:\n${new TextDecoder().decode(stderr)}`);
}
