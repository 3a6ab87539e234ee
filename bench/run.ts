/**
 * Runs one measured suite, here or in Chromium: `run.ts <suite> [--browser] [--no-tune] [--seed n] [--rounds n] [--batch n,…]`.
 * main.ts starts it and has checked the arguments.
 */
import { parseArgs } from "node:util";
import config from "../deno.json" with { type: "json" };
import { formatTable } from "../src/cli/table.ts";
import { hold } from "./hold.ts";
import { browserHost, denoHost } from "./host.ts";
import { OPTIONS } from "./options.ts";
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
};
const tuning = values["no-tune"] ? "default" : "measured";
const host = await (values.browser ? browserHost(tuning) : denoHost(tuning));
const cases = suite.cases(options);
const rows: Row[] = [];
const started = performance.now();
try {
  await hold(
    suite.title,
    cases.map(({ name }, index) => ({
      name,
      run: async () => {
        progress(`  ${index + 1}/${cases.length}  ${name}`);
        rows.push(...await host.run(suite, options, index));
      },
    })),
  );
} finally {
  progress("");
  await host.close();
}
const seconds = (performance.now() - started) / 1000;

const timed = rows.find(({ time }) => time)?.time;
const setting = await describeSetting(values.browser ? `${suite.name}-chromium` : suite.name, host, {
  versions: { secateur: config.version, ...host.versions },
  seed: options.seed,
  clock: timed?.clock ?? "none",
  quantumMs: timed?.quantumMs ?? 0,
});
const finished = completed(rows, host.roofline);
console.log(`${suite.title}\n`);
printSetting(setting);
const { gflops, gbps } = host.roofline;
console.log(`roofs     ${gflops.toFixed(1)} GFLOP/s in registers, ${gbps.toFixed(1)} GB/s copied`);
console.log(`plans     ${tuning === "measured" ? "tuned on this device" : "as the planners estimate"}\n`);
for (const { title, header, lines } of tablesOf(finished)) {
  console.log(`${title}\n${formatTable([header, ...lines], { header: true, left: 1 })}\n`);
}
console.log(goalsReached(finished));
for (const note of suite.notes) console.log(note);
console.log(
  `Medians of ${options.rounds} samples by ${setting.clock}, grain ${setting.quantumMs} ms; ${seconds.toFixed(0)} s.`,
);
const results = { title: suite.title, notes: suite.notes, tuning, roofline: host.roofline, rows: finished };
console.log(`\nWritten to ${writeRecord(setting, results)}`);

/** One line that moves, on a terminal only. */
function progress(text: string): void {
  if (Deno.stderr.isTerminal()) Deno.stderr.writeSync(new TextEncoder().encode(`\r${text}\x1b[K`));
}
