/** Which test files are nearest to a source file, by the imports between them. */
import { importsOf } from "../imports.ts";

/** Path from the root -> the paths that it imports. Types vanish, so what is imported as a type tests nothing. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

export function importGraph(root: string, paths: readonly string[]): ImportGraph {
  return new Map(paths.map((path) => [
    path,
    importsOf(Deno.readTextFileSync(`${root}/${path}`))
      .filter(({ specifier, typeOnly }) => specifier.startsWith(".") && !typeOnly)
      .map(({ specifier }) => new URL(specifier, `file:///${path}`).pathname.slice(1)),
  ]));
}

/** Test files that import `path`, directly or by way of others: the nearest first, in the order of their names. */
export function nearestTests(graph: ImportGraph, path: string): string[] {
  const importers = new Map<string, string[]>();
  for (const [from, list] of graph) for (const to of list) importers.set(to, [...importers.get(to) ?? [], from]);
  const seen = new Set([path]);
  const tests: string[] = [];
  let ring = [path];
  while (ring.length > 0) {
    const next = [...new Set(ring.flatMap((to) => importers.get(to) ?? []))].filter((from) => !seen.has(from));
    next.forEach((from) => seen.add(from));
    tests.push(...next.filter((from) => from.endsWith(".test.ts")).sort());
    ring = next;
  }
  return tests;
}
