/**
 * Compares this checkout's times with another one's: `deno run -A bench/compare/compare.ts <other checkout> [--suite name]
 * [--rounds n]`. A round is a process that runs the suite of both checkouts in turns. Plans are untuned: tuned ones differ by
 * chance. Prints each row's ratio, this checkout's time / the other's, and their geometric mean.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { formatTable } from "../../src/cli/table.ts";
import { compareRounds, type Round } from "./ratios.ts";
import { SUITES } from "./suites.ts";

/** A row that is slower than this in a round is counted. */
const LIMIT = 1.1;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { suite: { type: "string", default: "inference" }, rounds: { type: "string", default: "10" } },
});
const rounds = Number(values.rounds);
const suite = SUITES.find((name) => name === values.suite);
if (positionals.length !== 1 || !suite || !(Number.isInteger(rounds) && rounds > 0)) {
  console.error(
    `usage: compare.ts <other checkout> [--suite ${SUITES.join("|")}] [--rounds n], n a whole number above 0`,
  );
  Deno.exit(2);
}
const here = resolve(import.meta.dirname!, "../.."), other = resolve(positionals[0]);

const measured: Round[] = [];
for (let round = 0; round < rounds; round++) {
  console.error(`round ${round + 1} of ${rounds}`);
  measured.push(await runRound());
}
const { rows, geometricMean } = compareRounds(measured, LIMIT);
const lines = rows.map(({ name, beforeMs, afterMs, ratio, above }) => [
  ...[name, beforeMs.toPrecision(3), afterMs.toPrecision(3), ratio.toFixed(3)],
  `${above} of ${rounds}`,
]);
console.log(
  formatTable([["row", "other ms", "here ms", "ratio", `above ${LIMIT}`], ...lines], { header: true, left: 1 }),
);
console.log(`\nGeometric mean of ${rows.length} ratios, here / other: ${geometricMean.toFixed(3)}`);

async function runRound(): Promise<Round> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--config", `${here}/bench/deno.json`],
      ...[`${here}/bench/compare/side_by_side.ts`, suite!, other, here],
    ],
    cwd: `${here}/bench`,
  }).output();
  if (success) return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
  throw new Error(`comparing with ${other} failed:\n${new TextDecoder().decode(stderr)}`);
}
