/**
 * Runs of some seconds as processes of their own, to be killed, damaged and begun twice: what they leave must be the bytes
 * of a run that nobody touched, or a clear refusal.
 */
import { formatRecipe } from "../../src/recipe/load.ts";
import { outcome } from "./interrupt.ts";
import { admm, retrain, tinyRecipe, train } from "./tiny.ts";
import { denoStore } from "../../src/store/deno.ts";

const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;

export type Tuning = "tuned" | "default plans";

/** The warming run measures everything, so that the others find all that they need in the cache. */
const TUNE: Readonly<Record<Tuning, string>> = { tuned: "full", "default plans": "none" };

/** A place for runs, with a recipe and a cache of its own. */
export interface Range {
  readonly root: string;
  /** What a run leaves that nobody touched, as JSON, by how it was tuned; and how long it took. */
  readonly expected: Readonly<Record<Tuning, string>>;
  readonly ms: Readonly<Record<Tuning, number>>;
}

export interface Ended {
  readonly code: number;
  readonly err: string;
}

/** Makes the undisturbed runs. Plans are measured once before, so that every tuned run takes them from the cache. */
export async function openRange(root: string, tunings: readonly Tuning[]): Promise<Range> {
  const recipe = tinyRecipe([
    train(2),
    admm({ steps: 1, updates: 2 }),
    { kind: "purify", tolerance: 0.05, retrain: retrain() },
    { kind: "compact" },
    { kind: "measure", batches: [1], seconds: 0.1 },
  ]);
  await Deno.writeTextFile(`${root}/recipe.yaml`, formatRecipe(recipe));
  if (tunings.includes("tuned")) await whole(root, "warm", "tuned");
  const expected = {} as Record<Tuning, string>;
  const ms = {} as Record<Tuning, number>;
  for (const tuning of tunings) {
    const before = performance.now();
    await whole(root, `whole ${tuning}`, tuning);
    ms[tuning] = performance.now() - before;
    expected[tuning] = await left(`${root}/whole ${tuning}`);
  }
  return { root, expected, ms };
}

async function whole(root: string, name: string, tuning: Tuning): Promise<void> {
  const { code, err } = await ended(begin(root, `${root}/${name}`, tuning));
  if (code !== 0) throw new Error(`an undisturbed run ended with ${code}: ${err}`);
}

export function begin(root: string, dir: string, tuning: Tuning): Deno.ChildProcess {
  return start(root, [`${root}/recipe.yaml`, "--out", dir, "--tune", TUNE[tuning]]);
}

export function resume(root: string, dir: string): Deno.ChildProcess {
  return start(root, ["--resume", dir]);
}

function start(root: string, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", "--no-check", main, "prune", ...args, "--quiet"],
    env: { NO_COLOR: "1", SECATEUR_DEBUG: "", SECATEUR_CACHE: `${root}/cache` },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
}

export async function ended(child: Deno.ChildProcess): Promise<Ended> {
  const { code, stderr } = await child.output();
  return {
    code,
    err: new TextDecoder().decode(stderr).split("\n").filter((line) => /^secateur: /.test(line)).join("\n"),
  };
}

/** A moment of a run: so long after a file in its folder had so many lines or was there at all, or after the run began. */
export interface Moment {
  readonly file?: string;
  readonly lines?: number;
  readonly afterMs: number;
}

/** Kills the process at that moment, if it lives so long. */
export async function killAt(
  child: Deno.ChildProcess,
  dir: string,
  { file, lines = 0, afterMs }: Moment,
): Promise<void> {
  let over = false;
  child.status.then(() => over = true);
  while (file && !over && !await hasLines(`${dir}/${file}`, lines)) await pause(2);
  const until = performance.now() + afterMs;
  while (!over && performance.now() < until) await pause(Math.min(20, Math.max(1, until - performance.now())));
  if (!over) child.kill("SIGKILL");
  await ended(child);
}

/** What the run in `dir` left, without times, as JSON. */
export async function left(dir: string): Promise<string> {
  return JSON.stringify(await outcome(denoStore(), dir));
}

/** Goes on with what lies in `dir`: "same" bytes as undisturbed, "refused" in words that say what to do, or what is wrong. */
export async function judge({ root, expected }: Range, dir: string, tuning: Tuning): Promise<string> {
  const { code, err } = await ended(resume(root, dir));
  if (code === 0) return await left(dir) === expected[tuning] ? "same" : "other bytes";
  const clear = /holds no run|had kept anything|restore the file|is at work|start a new run/.test(err);
  return clear && !/internal error|\n/.test(err) ? "refused" : `exit ${code}: ${err}`;
}

/** Each way makes other bytes of a file's; undefined removes it. */
export type Damage = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array | undefined;

const text = (change: (text: string) => string): Damage => (bytes) =>
  new TextEncoder().encode(change(new TextDecoder().decode(bytes)));

export const damages: Readonly<Record<string, Damage>> = {
  missing: () => undefined,
  empty: () => new Uint8Array(),
  "cut in half": (bytes) => bytes.slice(0, bytes.length >> 1),
  garbage: (bytes) => bytes.map((byte, i) => (byte * 7 + i * 13) & 255),
  "one bit": (bytes) => bytes.map((byte, i) => i === bytes.length >> 1 ? byte ^ 1 : byte),
  "an empty object": text(() => "{}"),
  "one figure": text((all) => all.replace(/\d(?=[^\d]*$)/, (digit) => String((Number(digit) + 1) % 10))),
  "a line less": text((all) => all.split("\n").toSpliced(1, 1).join("\n")),
};

export async function damage(file: string, way: Damage): Promise<void> {
  const bytes = way(await Deno.readFile(file));
  if (bytes) await Deno.writeFile(file, bytes);
  else await Deno.remove(file);
}

/** Two processes at once on one folder: one ends as if alone, the other is refused, naming it or its result. */
export async function twice(range: Range, dir: string, how: "begin" | "resume"): Promise<string> {
  const { root, expected } = range;
  const tuning: Tuning = "default plans";
  if (how === "resume") await killAt(begin(root, dir, tuning), dir, { file: "log.jsonl", afterMs: 50 });
  const two = [0, 1].map(() => how === "begin" ? begin(root, dir, tuning) : resume(root, dir));
  const [done, ...others] = (await Promise.all(two.map(ended))).sort((a, b) => a.code - b.code);
  if (done.code !== 0) return `neither came through: ${done.err}`;
  if (await left(dir) !== expected[tuning]) return "other bytes";
  // The second may come when the first is done, and goes on with a finished run then.
  const { code, err } = others[0];
  if (code === 0) return how === "resume" ? "one after the other" : "both came through";
  return /: process \d+ \(since [^)]+\) is at work in this folder|is not empty/.test(err) ? "one refused" : err;
}

async function hasLines(path: string, lines: number): Promise<boolean> {
  if (lines === 0) return await Deno.stat(path).then(() => true, () => false);
  return (await Deno.readTextFile(path).catch(() => "")).split("\n").length > lines;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
