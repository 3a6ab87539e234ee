/**
 * Runs uvu suites of many files in one process, so that they share a GPU and its pipelines.
 *
 * uvu's own command-line runner works the same way: with UVU_DEFER set, each `test.run()` queues its suite under
 * UVU_QUEUE[UVU_INDEX] instead of running it. Here a file's suites run as soon as the file is imported, so its time can
 * be told.
 */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

export interface TestFile {
  /** What is printed. */
  readonly name: string;
  /** Imports it. */
  readonly load: () => Promise<unknown>;
}

/** What follows `END_OF_FILE` as JSON. */
export interface FileEnd extends Counts {
  /** The processor's time of the process, its device on a processor included: the same on an idle and on a busy machine. */
  readonly cpuMs: number;
}

/** What a worker's line begins with that ends a file's output; its counts follow as JSON. */
export const END_OF_FILE = "end of file ";

/** A file that takes longer than this has its time printed. */
const SLOW_MS = 1000;

type Suite = () => Promise<[errors: string | true, passed: number, skipped: number, total: number]>;
const uvu = globalThis as unknown as { UVU_DEFER: number; UVU_INDEX: number; UVU_QUEUE: [string | null, ...Suite[]][] };

/** Imports and runs `files` in order; prints each file's suites, the failures among them and the slow files. */
export async function runFiles(
  files: readonly TestFile[],
  print: (text: string) => void = console.log,
): Promise<Counts> {
  uvu.UVU_DEFER = 1;
  uvu.UVU_QUEUE = [];
  await import("uvu");
  const stray = catchStrayErrors();
  let passed = 0, failed = 0;
  for (const [index, file] of files.entries()) {
    const started = performance.now();
    const fail = (message: string) => (failed++, print(`\n  FAIL  ${file.name}: ${message}\n`));
    uvu.UVU_INDEX = index;
    uvu.UVU_QUEUE[index] = [file.name];
    print(file.name);
    try {
      await file.load();
      const suites = uvu.UVU_QUEUE[index].slice(1) as Suite[];
      if (suites.length === 0) fail("registered no suite (does it call test.run()?)");
      for (const suite of suites) {
        const [errors, ok, skipped, total] = await suite();
        if (total === 0) fail("a suite without a test");
        if (skipped > 0) fail(`${skipped} tests were left out by skip or only`);
        passed += ok;
        failed += total - ok;
        if (errors !== true) print(`\n${errors}`);
        else if (ok < total) print(`\n  FAIL  ${file.name}: a hook threw, or a test threw what isn't an Error\n`);
      }
    } catch (error) {
      fail(error instanceof Error ? error.stack ?? error.message : String(error));
    }
    for (const message of stray.splice(0)) fail(message);
    const ms = performance.now() - started;
    if (ms > SLOW_MS) print(`  ${(ms / 1000).toFixed(1)} s`);
  }
  return { passed, failed };
}

/** The promises nobody awaited that rejected: they would end the process before the counts are printed. */
function catchStrayErrors(): string[] {
  const caught: string[] = [];
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    caught.push(`unhandled rejection: ${event.reason?.stack ?? event.reason}`);
  });
  return caught;
}

/** The `*.test.ts` below `directory` whose path from there has one of `filters` in it (all without filters), sorted. */
export function findTests(directory: string, filters: readonly string[]): TestFile[] {
  const found: string[] = [];
  const walk = (relative: string) => {
    for (const entry of Deno.readDirSync(`${directory}/${relative}`)) {
      const path = relative + entry.name;
      if (entry.isDirectory && entry.name !== "node_modules") walk(`${path}/`);
      if (entry.isFile && entry.name.endsWith(".test.ts")) found.push(path);
    }
  };
  walk("");
  const wanted = found.filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)));
  return wanted.sort().map((path) => {
    const url = new URL(path, `file://${directory}/`).href;
    return { name: path, load: () => import(url) };
  });
}
