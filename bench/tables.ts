/** Fills the tables of docs/benchmarks.md from docs/results/bench/<suite>.json: `deno run -A bench/tables.ts && deno fmt`. */
import { filledIn } from "./report/markdown.ts";
import type { BenchRecord } from "./report/page.ts";

const docs = `${import.meta.dirname}/../docs`;

/** docs/benchmarks.md as its records have it, but for the widths of columns. */
export function benchmarksPage(document: string): string {
  return filledIn(document, (name) => {
    try {
      return JSON.parse(Deno.readTextFileSync(`${docs}/results/bench/${name}.json`)) as BenchRecord;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  });
}

if (import.meta.main) {
  const path = `${docs}/benchmarks.md`;
  Deno.writeTextFileSync(path, benchmarksPage(Deno.readTextFileSync(path)));
}
