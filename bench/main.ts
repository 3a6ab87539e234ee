/**
 * `deno task bench [suite …] [options]`: runs suites one after another (default: all), each in a process of its own with
 * the configuration it needs, and then draws bench/results/index.html. Exits with 2 for wrong usage, with 1 if a suite
 * failed.
 */
import { parseArgs } from "node:util";
import { OPTIONS } from "./options.ts";
import { type Suite, SUITES } from "./suites/registry.ts";

const usage = `Usage: deno task bench [suite …] [options]

Suites (default: all)
${SUITES.map(({ name, about }) => `  ${name.padEnd(15)}  ${about}`).join("\n")}

Options
  --rounds <n>    samples of every contestant
  --steps <n>     train-step: steps per sample
  --seed <n>      of data, weights and masks (default 1)
  --batch <n,…>   inference, headline, depth: only these batch sizes
  --case <text>   only cases whose names contain it (not: profile)
  --browser       run the suites in headless Chromium: ${
  SUITES.filter(({ browser }) => browser === "can").map(({ name }) => name).join(", ")
}
  --no-tune       take the planners' own choices instead of measuring the candidates first
  --help          this text

Every suite prints tables and writes bench/results/<suite>-<time>.json; bench/results/index.html shows the latest of
each. docs/benchmarks.md explains how to read them.`;

Deno.exit(await main(Deno.args));

async function main(args: string[]): Promise<number> {
  let parsed;
  try {
    parsed = parse(args);
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  if (parsed.help) {
    console.log(usage);
    return 0;
  }
  let failed = 0;
  for (const { name, file, args = [], config } of parsed.suites) {
    if (parsed.suites.length > 1) console.log(`\n=== ${name} ===\n`);
    const code = await run(config, file, [...args, ...parsed.forwarded]);
    if (code === 2) return 2;
    if (code !== 0) {
      console.error(`bench: suite "${name}" failed`);
      failed = 1;
    }
  }
  if (await run("deno.json", "page.ts", []) !== 0) failed = 1;
  return failed;
}

async function run(config: string, file: string, args: readonly string[]): Promise<number> {
  const here = import.meta.dirname!;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", `${here}/${config}`, `${here}/${file}`, ...args],
  }).spawn();
  return (await child.status).code;
}

/** @throws with one line to print, for anything that isn't understood */
function parse(args: string[]): { help: boolean; suites: readonly Suite[]; forwarded: string[] } {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...OPTIONS, help: { type: "boolean", short: "h" } },
  });
  const unknown = positionals.find((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown !== undefined) {
    throw new Error(`unknown suite "${unknown}": expected ${SUITES.map(({ name }) => name).join(", ")}`);
  }
  const forwarded: string[] = [];
  for (const name of ["rounds", "steps", "seed"] as const) {
    const text = values[name];
    if (text === undefined) continue;
    if (!/^\d{1,9}$/.test(text) || (name !== "seed" && Number(text) === 0)) {
      throw new Error(`--${name}: found "${text}", expected a whole number${name === "seed" ? "" : " above 0"}`);
    }
    forwarded.push(`--${name}=${text}`);
  }
  if (values.batch !== undefined) {
    if (!/^[1-9]\d{0,4}(,[1-9]\d{0,4})*$/.test(values.batch)) {
      throw new Error(`--batch: found "${values.batch}", expected whole numbers above 0 with commas between them`);
    }
    forwarded.push(`--batch=${values.batch}`);
  }
  if (values.case === "") throw new Error(`--case: found "", expected a part of a case's name`);
  if (values.case !== undefined) forwarded.push(`--case=${values.case}`);
  if (values["no-tune"]) forwarded.push("--no-tune");
  if (values.browser) forwarded.push("--browser");
  return { help: values.help ?? false, suites: chosen(positionals, values.browser ? "browser" : "here"), forwarded };
}

/** All suites, or those named; in the browser all that can run there. */
function chosen(names: readonly string[], where: "here" | "browser"): readonly Suite[] {
  const able = where === "here" ? SUITES : SUITES.filter(({ browser }) => browser === "can");
  const unable = names.find((name) => !able.some((suite) => suite.name === name));
  if (unable !== undefined) throw new Error(`--browser: suite "${unable}" runs in Deno only`);
  return names.length > 0 ? able.filter(({ name }) => names.includes(name)) : able;
}
