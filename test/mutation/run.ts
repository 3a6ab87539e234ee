/**
 * Small errors put into the code that decides, and whether the tests notice:
 * `deno run -A test/mutation/run.ts [--count 80] [--seed 1] [--only part/of/a/path] [--list]`.
 *
 * Each mutant is made in a copy of the checkout, and the tests that import its file run, those named after it first, until
 * one fails. Exits with 1 where fewer than 90 % are killed. Mutants listed as equivalent (targets.ts) don't count.
 */
import { scriptOptions } from "../options.ts";
import { draw } from "./draw.ts";
import { applied, type Mutant, mutantsOf } from "./mutants.ts";
import { importGraph, nearestTests } from "./nearest_tests.ts";
import { EQUIVALENT, isTarget } from "./targets.ts";
import { trial } from "./trial.ts";

const ROOT = `${import.meta.dirname}/../..`;
const GOAL = 0.9;
/** Copies that are tested side by side: a test waits for its device half of the time. */
const WORKERS = 2;
/**
 * Test files that get a chance at a mutant in one process; the next ones only where all of them pass. The nearest kill most
 * mutants, so that the others needn't be measured for them.
 */
const FIRST_WAVE = 2, WAVE = 6;
/** The processor's time that the files tried may take together on the code as it is: a busy machine doesn't stretch it. */
const MOST_CPU_MS = 40_000;
/** Test files that take this much longer than on the code as it is run in a loop that the mutant made. */
const CPU_PATIENCE = { factor: 3, moreSeconds: 20 };
/** One that takes this much longer on the wall waits for what never comes. Another program may start meanwhile. */
const WALL_PATIENCE = { factor: 10, atLeastMs: 120_000 };

type Placed = Mutant & { readonly path: string };
interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
}
interface Verdict {
  readonly mutant: Placed;
  /** The test file that failed or hung; undefined where all passed. */
  readonly killer?: string;
}

const values = scriptOptions({
  count: { type: "string", default: "80" },
  seed: { type: "string", default: "1" },
  only: { type: "string", default: "" },
  list: { type: "boolean", default: false },
});
const started = performance.now();
const paths = (await git("ls-files", "src", "kernels", "test")).filter((path) => /\.tsx?$/.test(path));
const mutants = paths.filter((path) => isTarget(path) && path.includes(values.only)).flatMap((path): Placed[] =>
  mutantsOf(Deno.readTextFileSync(`${ROOT}/${path}`)).map((mutant) => ({ ...mutant, path }))
);
const stale = values.only ? [] : EQUIVALENT.filter((entry) => !mutants.some((mutant) => fits(entry, mutant)));
for (const { path, text } of stale) {
  console.log(`listed as equivalent, but there is no such mutant any more: ${path}: ${text}`);
}
const counted = mutants.filter((mutant) => !EQUIVALENT.some((entry) => fits(entry, mutant)));
const drawn = draw(counted, { count: number("count"), seed: number("seed") });
console.log(
  `${drawn.length} of ${mutants.length} mutants (${mutants.length - counted.length} are listed as equivalent)`,
);
if (values.list) {
  drawn.forEach((mutant) => console.log(describe(mutant)));
  Deno.exit(0);
}

const graph = importGraph(ROOT, paths);
/** What each file takes on the code as it is; a file that fails on it has Infinity, and is never tried. */
const usual = new Map<string, Cost>();
/** Test files that a worker is measuring: the other waits for it. */
const underway = new Map<string, Promise<unknown>>();
const verdicts: Verdict[] = [];
const queue = [...drawn];
await Promise.all(Array.from({ length: WORKERS }, work));

const survivors = verdicts.filter(({ killer }) => killer === undefined);
const share = verdicts.length > 0 ? 1 - survivors.length / verdicts.length : 0;
console.log(`\nSurvivors:${survivors.length === 0 ? " none" : ""}`);
survivors.forEach(({ mutant }) => console.log(`  ${describe(mutant)}`));
console.log(
  `\n${verdicts.length - survivors.length} of ${verdicts.length} killed (${(100 * share).toFixed(1)} %, at least ` +
    `${100 * GOAL} % expected) in ${((performance.now() - started) / 60_000).toFixed(1)} minutes`,
);
Deno.exit(share >= GOAL && stale.length === 0 ? 0 : 1);

async function work(): Promise<void> {
  const copy = await copyOfCheckout();
  try {
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      const verdict = await judge(copy, mutant);
      verdicts.push(verdict);
      console.log(
        `${String(verdicts.length).padStart(3)} ${verdict.killer ? "killed  " : "SURVIVED"} ${describe(mutant)}` +
          (verdict.killer ? ` (by ${verdict.killer})` : ""),
      );
    }
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

async function judge(copy: string, mutant: Placed): Promise<Verdict> {
  const path = `${copy}/${mutant.path}`;
  const source = await Deno.readTextFile(path);
  const files = nearestTests(graph, mutant.path);
  let leftMs = MOST_CPU_MS;
  for (let i = 0; i < files.length && leftMs > 0; i += i === 0 ? FIRST_WAVE : WAVE) {
    const wave = files.slice(i, i + (i === 0 ? FIRST_WAVE : WAVE));
    await measure(copy, wave);
    const able = affordable(wave, i === 0 ? Infinity : leftMs);
    if (able.length === 0) continue;
    await Deno.writeTextFile(path, applied(source, mutant));
    try {
      const tried = await trial({
        root: copy,
        files: able,
        limitMs: (file) => Math.max(WALL_PATIENCE.atLeastMs, WALL_PATIENCE.factor * usual.get(file)!.ms),
        cpuSeconds: CPU_PATIENCE.moreSeconds + CPU_PATIENCE.factor * cpuMsOf(able) / 1000,
      });
      const killer = tried.find(({ passed }) => !passed)?.file;
      if (killer !== undefined) return { mutant, killer };
    } finally {
      await Deno.writeTextFile(path, source);
    }
    leftMs -= cpuMsOf(able);
  }
  return { mutant };
}

function cpuMsOf(files: readonly string[]): number {
  return files.reduce((sum, file) => sum + usual.get(file)!.cpuMs, 0);
}

/** Learns what the files take on the code as it is; what fails anyway kills nothing. */
async function measure(copy: string, files: readonly string[]): Promise<void> {
  for (;;) {
    await Promise.all(files.map((file) => underway.get(file)));
    const unknown = files.filter((file) => !usual.has(file));
    if (unknown.length === 0) return;
    const measuring = trial({ root: copy, files: unknown, limitMs: () => 600_000, cpuSeconds: 600 });
    unknown.forEach((file) => underway.set(file, measuring));
    for (const { file, passed, ms, cpuMs } of await measuring) {
      if (!passed) console.log(`left out: ${file} fails on the code as it is`);
      usual.set(file, passed ? { ms, cpuMs } : { ms: Infinity, cpuMs: Infinity });
    }
    unknown.forEach((file) => underway.delete(file));
  }
}

/** Those that pass on the code as it is and together fit the time. */
function affordable(files: readonly string[], leftMs: number): string[] {
  let left = leftMs;
  return files.filter((file) => {
    const { cpuMs } = usual.get(file)!;
    if (cpuMs === Infinity || cpuMs > left) return false;
    left -= cpuMs;
    return true;
  });
}

/** The tracked files as they are now, with the packages that are installed here. */
async function copyOfCheckout(): Promise<string> {
  const copy = await Deno.makeTempDir({ prefix: "mutants-" });
  for (const path of await git("ls-files")) {
    await Deno.mkdir(`${copy}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.copyFile(`${ROOT}/${path}`, `${copy}/${path}`);
  }
  for (const path of await git("ls-files", "*deno.json")) {
    const packages = path.replace(/deno\.json$/, "node_modules");
    const installed = await Deno.realPath(`${ROOT}/${packages}`).catch(() => undefined);
    if (installed) await Deno.symlink(installed, `${copy}/${packages}`);
  }
  return copy;
}

async function git(...args: string[]): Promise<string[]> {
  const { stdout } = await new Deno.Command("git", { args: ["-C", ROOT, ...args] }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

function fits({ path, text, becomes }: typeof EQUIVALENT[number], mutant: Placed): boolean {
  if (path !== mutant.path || text !== lineOf(mutant)) return false;
  return becomes === lineOf(mutant, applied(sourceOf(mutant), mutant));
}

function sourceOf({ path }: Placed): string {
  return Deno.readTextFileSync(`${ROOT}/${path}`);
}

function lineOf(mutant: Placed, source = sourceOf(mutant)): string {
  return source.split("\n")[mutant.line - 1].trim();
}

function describe(mutant: Placed): string {
  const { path, line, rule, before, after } = mutant;
  return `${path}:${line} ${rule}: "${before.trim()}" -> "${after.trim()}" in: ${lineOf(mutant)}`;
}

function number(name: "count" | "seed"): number {
  if (/^\d+$/.test(values[name])) return Number(values[name]);
  console.error(`--${name} is ${values[name]}, expected a whole number`);
  Deno.exit(2);
}
