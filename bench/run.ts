/**
 * Runs one measured suite, here or in Chromium: `run.ts <suite> [--browser] [--no-tune] [--seed n] [--rounds n] [--batch n,…]
 * [--case text] [--variant way]`.
 * main.ts starts it and has checked the arguments.
 */
import { parseArgs } from "node:util";
import config from "../deno.json" with { type: "json" };
import { formatTable } from "../src/cli/table.ts";
import { runCases } from "./run_cases.ts";
import { browserHost, denoHost } from "./host.ts";
import { chosenCases, OPTIONS } from "./options.ts";
import { describeSetting, printSetting, writeRecord } from "./record.ts";
import { completed, goalsReached, tablesOf } from "./rows.ts";
import type { Row, SuiteOptions } from "./suite.ts";
import { MEASURED } from "./suites/measured.ts";

const { values, positionals: [name] } = parseArgs({ options: OPTIONS, allowPositionals: true });
const suite = MEASURED.find((suite) => suite.name === name)!;
const options: SuiteOptions = {
  seed: Number(values.seed ?? suite.defaults.seed),
  rounds: Number(values.rounds ?? suite.defaults.rounds),
  batches: values.batch?.split(",").map(Number) ?? suite.defaults.batches,
  ...values.variant !== undefined && { variant: values.variant },
};
// Goals are a suite's, as it stands: of some of its rows they would say little.
const scope = values.case === undefined && values.variant === undefined ? "whole" : "part";
const tuning = values["no-tune"] ? "default" : "measured";
const host = await (values.browser ? browserHost(tuning) : denoHost(tuning));
const cases = chosenCases(suite.cases(options).map(({ name }, index) => ({ name, index })), ({ name }) => name);
const setting = await describeSetting(values.browser ? `${suite.name}-chromium` : suite.name, host, {
  versions: { secateur: config.version, ...host.versions },
  seed: options.seed,
  clock: "none",
  quantumMs: 0,
});
const rows: Row[] = [];
let path = "";
const started = performance.now();
try {
  await runCases(
    suite.title,
    cases.map(({ name, index }, done) => ({
      name,
      run: async () => {
        progress(`  ${done + 1}/${cases.length}  ${name}`);
        rows.push(...await host.run(suite, options, index));
        // After each case: whoever ends the run early keeps what it found.
        path = write(cases.slice(done + 1).map(({ name }) => name));
      },
    })),
  );
} finally {
  progress("");
  await host.close();
}
if (rows.length === 0) {
  console.error(
    `bench: --variant: no shape has a way called "${options.variant}"; the rows of a run without it name theirs, and ` +
      "secateur kernel lists those of a shape",
  );
  Deno.exit(2);
}
const seconds = (performance.now() - started) / 1000;
const clock = clockOf(rows);
const finished = completed(rows, host.roofline);
console.log(`${suite.title}\n`);
printSetting(setting);
const { gflops, gbps } = host.roofline;
console.log(`roofs     ${gflops.toFixed(1)} GFLOP/s in registers, ${gbps.toFixed(1)} GB/s copied`);
console.log(`plans     ${tuning === "measured" ? "tuned on this device" : "as the planners estimate"}\n`);
for (const { title, header, lines } of tablesOf(finished)) {
  console.log(`${title}\n${formatTable([header, ...lines], { header: true, left: 1 })}\n`);
}
if (scope === "whole") console.log(goalsReached(finished));
for (const note of suite.notes) console.log(note);
console.log(
  `Medians of ${options.rounds} samples by ${clock.clock}, grain ${clock.quantumMs} ms; ${seconds.toFixed(0)} s.`,
);
console.log(`\nWritten to ${path}`);

function write(remaining: readonly string[]): string {
  const { title, notes } = suite;
  const { roofline } = host;
  const results = { title, notes, tuning, scope, roofline, rows: completed(rows, roofline), remaining };
  return writeRecord({ ...setting, ...clockOf(rows) }, results);
}

function clockOf(rows: readonly Row[]): { clock: string; quantumMs: number } {
  const { clock = "none", quantumMs = 0 } = rows.find(({ time }) => time)?.time ?? {};
  return { clock, quantumMs };
}

/** One line that moves on a terminal, else a line for each case. */
function progress(text: string): void {
  if (Deno.stderr.isTerminal()) Deno.stderr.writeSync(new TextEncoder().encode(`\r${text}\x1b[K`));
  else if (text) console.error(text);
}
