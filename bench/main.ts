/**
 * `deno task bench [suite …] [options]`: runs suites one after another (default: all), each in a process of its own with
 * the configuration it needs. Exits with 2 for wrong usage, with 1 if a suite failed.
 */
import { parseArgs } from "node:util";
import { SUITES } from "./suites/registry.ts";

const usage = `Usage: deno task bench [suite …] [options]

Suites (default: all)
${SUITES.map(({ name, about }) => `  ${name.padEnd(12)}  ${about}`).join("\n")}

Options
  --rounds <n>  measured rounds, every contestant once in each
  --steps <n>   steps per sample
  --seed <n>    of data and weights (default 1)
  --help        this text

Every suite prints a table and writes bench/results/<suite>-<time>.json. docs/benchmarks.md explains how to read them.`;

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
  for (const { file, config } of parsed.suites) {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        ...(config ? ["--config", `${import.meta.dirname}/${config}`] : []),
        `${import.meta.dirname}/${file}`,
        ...parsed.forwarded,
      ],
    }).spawn();
    if (!(await child.status).success) failed = 1;
  }
  return failed;
}

/** @throws with one line to print, for anything that isn't understood */
function parse(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h" },
      rounds: { type: "string" },
      steps: { type: "string" },
      seed: { type: "string" },
    },
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
  const suites = positionals.length > 0 ? SUITES.filter(({ name }) => positionals.includes(name)) : SUITES;
  return { help: values.help ?? false, suites, forwarded };
}
