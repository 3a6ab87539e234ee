/**
 * `deno task bench [suite …] [options]`: runs suites one after another (default: all), each in a process of its own with
 * the configuration it needs, and then draws bench/results/index.html. Exits with 2 for wrong usage, with 1 if a suite
 * failed. With --pack it makes a folder that does so on another machine, with --import it takes in what that has found.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { OPTIONS } from "./options.ts";
import { type OptionName, type Suite, SUITES } from "./suites/registry.ts";
import { suiteUsage, usage } from "./usage.ts";

const PACK = "pack/main.ts", IMPORT = "pack/import_results.ts";

Deno.exit(await main(Deno.args));

async function main(args: string[]): Promise<number> {
  let parsed;
  try {
    parsed = parse(args);
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\n\n${usage(SUITES)}`);
    return 2;
  }
  const { suites, named, given, work } = parsed;
  if (parsed.help) {
    console.log(named.length === 1 ? suiteUsage(suites[0], await casesOf(suites[0])) : usage(SUITES));
    return 0;
  }
  if (work && await run("deno.json", work.file, work.args) !== 0) return 1;
  let failed = 0;
  for (const { name, file, args = [], config, options } of suites) {
    if (suites.length > 1) console.log(`\n=== ${name} ===\n`);
    const own = [...given].filter(([option]) => options.includes(option)).map(([, argument]) => argument);
    const code = await run(config, file, [...args, ...own]);
    if (code === 2) return 2;
    if (code !== 0) {
      console.error(`bench: suite "${name}" failed`);
      failed = 1;
    }
  }
  // A pack changes no result.
  if (work?.file !== PACK && await run("deno.json", "page.ts", []) !== 0) failed = 1;
  return failed;
}

/** What the cases of a suite of our own kernels are called; others know theirs when they run. */
async function casesOf({ name }: Suite): Promise<string[]> {
  const { MEASURED } = await import("./suites/measured.ts");
  const suite = MEASURED.find((measured) => measured.name === name);
  return suite ? suite.cases(suite.defaults).map((one) => one.name) : [];
}

async function run(config: string, file: string, args: readonly string[]): Promise<number> {
  const here = import.meta.dirname!;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", `${here}/${config}`, `${here}/${file}`, ...args],
  }).spawn();
  return (await child.status).code;
}

interface Parsed {
  readonly help: boolean;
  /** The suites to run, and the names that were given. */
  readonly suites: readonly Suite[];
  readonly named: readonly string[];
  /** Each option that was given, as an argument for the suites that take it. */
  readonly given: ReadonlyMap<OptionName, string>;
  /** What is done in the place of suites. */
  readonly work?: { readonly file: string; readonly args: readonly string[] };
}

/** @throws with one line to print, for anything that isn't understood */
function parse(args: string[]): Parsed {
  const { values, positionals: named } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...OPTIONS,
      pack: { type: "string" },
      "with-deno": { type: "boolean" },
      import: { type: "string", multiple: true },
      help: { type: "boolean", short: "h" },
    },
  });
  const unknown = named.find((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown !== undefined) {
    throw new Error(`unknown suite "${unknown}": expected ${SUITES.map(({ name }) => name).join(", ")}`);
  }
  const { help = false, pack, "with-deno": withDeno, import: imported, ...rest } = values;
  if (pack !== undefined || withDeno || imported) {
    const work = workOf({ pack, withDeno, imported });
    const [other] = [...named, ...Object.keys(rest).map((name) => `--${name}`)];
    if (other !== undefined) throw new Error(`${other}: neither --pack nor --import takes it`);
    return { help, suites: [], named, given: new Map(), work };
  }
  const given = new Map<OptionName, string>();
  for (const [name, value] of Object.entries(rest) as [OptionName, string | boolean][]) {
    checkValue(name, value);
    given.set(name, value === true ? `--${name}` : `--${name}=${value}`);
  }
  return { help, suites: chosen(named, [...given.keys()]), named, given };
}

/** @throws as `parse` does */
function workOf(
  { pack, withDeno, imported }: { pack?: string; withDeno?: boolean; imported?: readonly string[] },
): Parsed["work"] {
  if (pack !== undefined && imported) throw new Error("--import: not together with --pack");
  if (pack === "" || imported?.includes("")) {
    throw new Error(`--${imported ? "import" : "pack"}: found "", expected a path`);
  }
  if (imported) {
    if (withDeno) throw new Error("--with-deno: only together with --pack");
    return { file: IMPORT, args: imported.map(fromCaller) };
  }
  if (pack === undefined) throw new Error("--with-deno: only together with --pack DIR");
  return { file: PACK, args: [fromCaller(pack), ...withDeno ? ["--with-deno"] : []] };
}

/** A path as whoever called the task means it. */
function fromCaller(path: string): string {
  return resolve(Deno.env.get("SECATEUR_CWD") ?? ".", path);
}

function checkValue(name: OptionName, value: string | boolean): void {
  if (value === "") {
    throw new Error(`--${name}: found "", expected ${name === "case" ? "a part of a case's name" : "a value"}`);
  }
  const whole = name === "rounds" || name === "steps" || name === "seed";
  if (whole && (!/^\d{1,9}$/.test(String(value)) || (name !== "seed" && Number(value) === 0))) {
    throw new Error(`--${name}: found "${value}", expected a whole number${name === "seed" ? "" : " above 0"}`);
  }
  if (name === "batch" && !/^[1-9]\d{0,4}(,[1-9]\d{0,4})*$/.test(String(value))) {
    throw new Error(`--batch: found "${value}", expected whole numbers above 0 with commas between them`);
  }
}

/**
 * The suites that were named, or all that take something of what was given; those that can run in the browser where it was
 * asked for.
 */
function chosen(named: readonly string[], given: readonly OptionName[]): readonly Suite[] {
  for (const option of given) {
    const unable = SUITES.find(({ name, options }) => named.includes(name) && !options.includes(option));
    if (!unable) continue;
    if (option === "browser") throw new Error(`--browser: suite "${unable.name}" runs in Deno only`);
    const own = unable.options.map((name) => `--${name}`).join(", ");
    throw new Error(`--${option}: suite "${unable.name}" doesn't take it; it takes ${own}`);
  }
  // Of all suites none is run as if something had not been asked for that limits what is run.
  const limits = given.filter((option) => option === "browser" || option === "variant" || option === "batch");
  return SUITES.filter(({ name, options }) =>
    named.length > 0 ? named.includes(name) : limits.every((option) => options.includes(option))
  );
}
