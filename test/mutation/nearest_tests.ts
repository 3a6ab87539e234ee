/** Which test files are nearest to a source file, by the imports between them. */
import { importsOf } from "../imports.ts";

/** Path from the root -> the paths that it imports. Types vanish, so what is imported as a type tests nothing. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** What a test file imports, directly or not, when it works on a device. */
const DEVICE = "test/gpu.ts";
/** How much further away than the nearest a test file may be: beyond it come tests of whole runs, which hold no formula. */
const REACH = 3;

export function importGraph(root: string, paths: readonly string[]): ImportGraph {
  return new Map(paths.map((path) => [
    path,
    importsOf(Deno.readTextFileSync(`${root}/${path}`))
      .filter(({ specifier, typeOnly }) => specifier.startsWith(".") && !typeOnly)
      .map(({ specifier }) => new URL(specifier, `file:///${path}`).pathname.slice(1)),
  ]));
}

/**
 * Test files that import `path`, directly or by way of others, in the order in which they are worth trying: those named
 * after the file first, then those named after its folder, then the others. Among them a file counts as further away the
 * more imports lie between, two more where it works with a device, which takes longer and compares with tolerances, and two
 * where it is of another room. Files of the same distance come in the order of their names. Those of browsers and of the
 * command line are left out: they start processes of their own.
 */
export function nearestTests(graph: ImportGraph, path: string): string[] {
  const importers = importersOf(graph);
  const withDevice = distances(importers, DEVICE);
  const tests = [...distances(importers, path)]
    .filter(([from]) => from.endsWith(".test.ts") && !/^test\/(browser|cli)\//.test(from))
    .map(([name, imports]) => ({
      name,
      kinship: kinship(name, path),
      distance: imports + (withDevice.has(name) ? 2 : 0) + (roomOf(name) === roomOf(path) ? 0 : 2),
    }));
  const nearest = Math.min(...tests.map(({ distance }) => distance));
  return tests
    .filter(({ kinship, distance }) => kinship < STRANGER || distance <= nearest + REACH)
    .sort((a, b) => a.kinship - b.kinship || a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name);
}

const STRANGER = 2;

/** 0: the test file is named after the source file, 1: after its folder, and lies in its room; `STRANGER`: neither. */
function kinship(test: string, path: string): number {
  const words = wordsOf(test.split("/").at(-1)!);
  const [folder, file] = path.split("/").slice(-2).map(wordsOf);
  if (roomOf(test) !== roomOf(path)) return STRANGER;
  return words.startsWith(file) ? 0 : words.startsWith(folder) ? 1 : STRANGER;
}

/** "admm-windows.test.ts" -> "admm windows " */
function wordsOf(name: string): string {
  return `${name.replace(/\.(test\.)?ts$/, "").replace(/[-_]/g, " ")} `;
}

/** src/prune/… and test/prune/… are of one room, and so are kernels/… and test/kernels/…. */
function roomOf(path: string): string {
  return path.replace(/^(src|test)\//, "").split("/")[0];
}

function importersOf(graph: ImportGraph): Map<string, string[]> {
  const importers = new Map<string, string[]>();
  for (const [from, list] of graph) for (const to of list) importers.set(to, [...importers.get(to) ?? [], from]);
  return importers;
}

/** How many imports lie between each file that reaches `path` and `path`. */
function distances(importers: ReadonlyMap<string, readonly string[]>, path: string): Map<string, number> {
  const found = new Map([[path, 0]]);
  let ring = [path];
  for (let distance = 1; ring.length > 0; distance++) {
    ring = [...new Set(ring.flatMap((to) => importers.get(to) ?? []))].filter((from) => !found.has(from));
    for (const from of ring) found.set(from, distance);
  }
  return found;
}
