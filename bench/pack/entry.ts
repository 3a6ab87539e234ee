/**
 * What a pack runs on the machine that it was carried to (run.sh starts it): the self-test, every shader through this
 * machine's compiler, the tests of kernels, and the suites of our own. It writes one JSON file, anew after each part.
 * Exits with 1 where there is no adapter, a test failed or the file can't be written, with 2 for wrong usage.
 */
import { parseArgs } from "node:util";
import { variants } from "../../kernels/variants.ts";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { formatTable } from "../../src/cli/table.ts";
import { adapterName } from "../../src/gpu/adapter.ts";
import { NoAdapterError } from "../../src/gpu/errors.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { avoidedLine } from "../../src/gpu/known_faults.ts";
import { measureRoofline } from "../../src/measure/roofline.ts";
import { gpuOptions } from "../../src/measure/session/device.ts";
import { selfTest } from "../../src/measure/session/selftest.ts";
import compile from "../../test/kernels/compile.ts";
import { shaders } from "../../test/kernels/shaders.ts";
import { runFiles } from "../../test/runner.ts";
import { machineHere } from "../record.ts";
import type { BenchRecord } from "../report/page.ts";
import { completed, tablesOf } from "../rows.ts";
import type { Bench, MeasuredSuite, Row } from "../suite.ts";
import { MEASURED } from "../suites/measured.ts";
import { adapterSlug, type PackResults } from "./results.ts";
import type { PackedTest } from "./tests.ts";
// @ts-ignore: it is made while the pack is bundled
import { TESTS as packed } from "virtual:tests";

declare const SECATEUR_PACK: { readonly tool: string; readonly commit: string };
const TESTS = packed as readonly PackedTest[];
const PARTS = ["shaders", "tests", ...MEASURED.map(({ name }) => name)];

const NO_ADAPTER = "install its driver, or without a GPU a software one (Debian: apt-get install mesa-vulkan-drivers)";

Deno.exit(await main(Deno.args));

interface Options {
  readonly out?: string;
  readonly minutes: number;
  readonly only: readonly string[];
  readonly wanted: string;
  readonly rounds?: number;
  readonly tuning: Bench["tuning"];
}

async function main(args: string[]): Promise<number> {
  let options: Options;
  try {
    options = parse(args);
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`);
    return 2;
  }
  prepareEnvironment();
  try {
    return await runPack(options);
  } catch (error) {
    const none = error instanceof NoAdapterError;
    console.error(
      `bench: ${none ? "this machine has no GPU that Vulkan or Metal knows: " + NO_ADAPTER : (error as Error).message}`,
    );
    return 1;
  }
}

function parse(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      out: { type: "string" },
      minutes: { type: "string" },
      only: { type: "string" },
      case: { type: "string" },
      rounds: { type: "string" },
      "no-tune": { type: "boolean" },
    },
  });
  const only = values.only?.split(",") ?? PARTS;
  const unknown = only.find((part) => !PARTS.includes(part));
  if (unknown !== undefined) throw new Error(`--only: found "${unknown}", expected of ${PARTS.join(", ")}`);
  for (const name of ["minutes", "rounds"] as const) {
    const given = values[name];
    if (given !== undefined && !/^[1-9]\d{0,5}$/.test(given)) {
      throw new Error(`--${name}: found "${given}", expected a whole number above 0`);
    }
  }
  return {
    out: values.out,
    minutes: Number(values.minutes ?? Infinity),
    only,
    wanted: (values.case ?? "").toLowerCase(),
    ...values.rounds !== undefined && { rounds: Number(values.rounds) },
    tuning: values["no-tune"] ? "default" : "measured",
  };
}

async function runPack(options: Options): Promise<number> {
  const until = performance.now() + options.minutes * 60_000;
  const late = () => performance.now() > until;
  const first = await Gpu.open();
  const adapter = first.info;
  first.close();
  console.log(`adapter   ${adapterName(adapter)}${adapter.fallback ? " (software: says little about GPUs)" : ""}`);

  const file = options.out ?? `secateur-${adapterSlug(adapter)}.json`;
  const found = await selfTest();
  if (found.avoided) console.log(`computes  ${avoidedLine(found.avoided)}`);
  for (const { name, outcome, detail } of found.checks) console.log(`self-test ${name} ${outcome}: ${detail}`);
  let results: PackResults = {
    kind: "secateur pack",
    version: 1,
    ...SECATEUR_PACK,
    date: new Date().toISOString(),
    complete: false,
    adapter,
    machine: machineHere(),
    versions: { deno: Deno.version.deno, v8: Deno.version.v8, secateur: SECATEUR_PACK.tool.replace(/^\S+ /, "") },
    selfTest: found,
    records: [],
  };
  const keep = (more: Partial<PackResults>) => writeResults(file, results = { ...results, ...more });
  keep({});
  if (!found.trusted) throw new Error(`this device computes wrong numbers; what the self-test found is in ${file}`);

  if (options.only.includes("shaders") && !late()) {
    const { compiled, refusals, lacking } = await compile(shaders(variants()));
    for (const { name, message } of refusals) console.log(`REFUSED   ${name}: ${message}`);
    console.log(`shaders   ${compiled - refusals.length} of ${compiled} compile`);
    for (const [feature, count] of Object.entries(lacking)) {
      console.log(`shaders   ${count} left out: no ${feature} here`);
    }
    keep({ shaders: { compiled, refusals, lacking } });
  }
  if (options.only.includes("tests") && !late()) {
    await runTests((tests) => keep({ tests }), late);
    const { passed, failed, remaining } = results.tests!;
    console.log(
      `tests     ${passed} passed, ${failed} failed${remaining.length > 0 ? `, ${remaining.length} files left` : ""}`,
    );
  }
  const suites = MEASURED.filter(({ name }) => options.only.includes(name));
  if (suites.length > 0 && !late()) {
    using gpu = await Gpu.open(gpuOptions(found.path));
    const bench: Bench = { gpu, roofline: await measureRoofline(gpu), tuning: options.tuning };
    for (const suite of suites) {
      const before = results.records;
      await runSuite(
        suite,
        bench,
        options,
        late,
        (record) => keep({ records: [...before, describe(results, record)] }),
      );
    }
  }
  const whole = options.only.length === PARTS.length && options.wanted === "" && !late();
  keep({ complete: whole && results.records.every(({ results }) => (results.remaining ?? []).length === 0) });
  console.log(`\nWritten to ${file}${late() ? "; time ran out before everything was measured" : ""}`);
  return (results.tests?.failed ?? 0) > 0 || (results.shaders?.refusals.length ?? 0) > 0 ? 1 : 0;
}

async function runTests(keep: (tests: NonNullable<PackResults["tests"]>) => void, late: () => boolean): Promise<void> {
  let passed = 0, failed = 0;
  const failures: string[] = [];
  keep({ passed, failed, failures, remaining: TESTS.map(({ name }) => name) });
  for (const [i, test] of TESTS.entries()) {
    if (late()) return;
    const printed: string[] = [];
    const counts = await runFiles([test], (line) => printed.push(line));
    passed += counts.passed;
    failed += counts.failed;
    if (counts.failed > 0) {
      failures.push(printed.join("\n"));
      console.log(printed.join("\n"));
    }
    keep({ passed, failed, failures, remaining: TESTS.slice(i + 1).map(({ name }) => name) });
  }
}

type Results = Extract<BenchRecord["results"], { readonly roofline: unknown }>;

async function runSuite(
  suite: MeasuredSuite,
  bench: Bench,
  { wanted, rounds, tuning }: Options,
  late: () => boolean,
  keep: (record: { suite: string; seed: number; rows: readonly Row[]; results: Results }) => void,
): Promise<void> {
  const options = { ...suite.defaults, ...rounds !== undefined && { rounds } };
  const cases = suite.cases(options).filter(({ name }) => name.toLowerCase().includes(wanted));
  const rows: Row[] = [];
  for (const [i, one] of cases.entries()) {
    if (late()) break;
    console.error(`  ${suite.name}, ${i + 1}/${cases.length}: ${one.name}`);
    try {
      rows.push(...await one.run(bench));
    } catch (error) {
      // One shape that a device can't do says nothing about the others.
      rows.push({ table: suite.title, name: one.name, facts: {}, note: `failed: ${(error as Error).message}` });
    }
    const { title, notes } = suite;
    const results: Results = {
      title,
      notes,
      tuning,
      scope: wanted === "" ? "whole" : "part",
      roofline: bench.roofline,
      rows: completed(rows, bench.roofline),
      remaining: cases.slice(i + 1).map(({ name }) => name),
    };
    keep({ suite: suite.name, seed: options.seed, rows, results });
  }
  for (const { title, header, lines } of tablesOf(completed(rows, bench.roofline))) {
    console.log(`\n${title}\n${formatTable([header, ...lines], { header: true, left: 1 })}`);
  }
}

function describe(
  { date, commit, adapter, machine, versions }: PackResults,
  { suite, seed, rows, results }: { suite: string; seed: number; rows: readonly Row[]; results: Results },
): BenchRecord {
  const { clock = "none", quantumMs = 0 } = rows.find(({ time }) => time)?.time ?? {};
  return { suite, date, commit, adapter, machine, versions, seed, clock, quantumMs, results };
}

/** The file is the old one or the new one, never half of one. */
function writeResults(file: string, results: PackResults): void {
  const part = `${file}.part`;
  try {
    Deno.writeTextFileSync(part, JSON.stringify(results, null, 2) + "\n");
    Deno.renameSync(part, file);
  } catch (error) {
    try {
      Deno.removeSync(part);
    } catch {
      // It wasn't there.
    }
    const full = /os error 28|No space left/i.test((error as Error).message);
    throw new Error(
      `${file} can't be written: ${full ? "the disk is full" : (error as Error).message}; name another with --out`,
    );
  }
}
