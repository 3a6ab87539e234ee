/**
 * Fills the tables of docs/benchmarks.md and docs/kernels.md from docs/results/bench/<suite>.json:
 * `deno run -A bench/tables.ts && deno fmt`.
 */
import { filledIn } from "./report/markdown.ts";
import type { BenchRecord } from "./report/page.ts";

const docs = `${import.meta.dirname}/../docs`;

/** The pages of docs that have tables of records. */
export const PAGES = ["benchmarks.md", "kernels.md"] as const;

/** A page as its records have it, but for the widths of columns. */
export function pageOfRecords(document: string): string {
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
  for (const page of PAGES) {
    const path = `${docs}/${page}`;
    Deno.writeTextFileSync(path, pageOfRecords(Deno.readTextFileSync(path)));
  }
}
