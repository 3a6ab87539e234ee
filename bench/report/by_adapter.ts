/** The times of one suite on several adapters, side by side. Pure. */
import { adapterName } from "../../src/gpu/adapter.ts";
import { milliseconds } from "../../src/report/format.ts";
import type { TextTable } from "../rows.ts";
import type { BenchRecord } from "./page.ts";

/**
 * A table for each of the suite's, with a column of medians for each record that has rows of it, in the order of the
 * records; none where fewer than two records have rows.
 */
export function byAdapter(records: readonly BenchRecord[]): TextTable[] {
  const measured = records.flatMap((record) => {
    const { results } = record;
    return "roofline" in results ? [{ name: columnName(record), rows: results.rows }] : [];
  });
  if (measured.length < 2) return [];
  const tables = new Map<string, Map<string, string[]>>();
  for (const [column, { rows }] of measured.entries()) {
    for (const { table, name, time } of rows) {
      const lines = tables.get(table) ?? new Map<string, string[]>();
      tables.set(table, lines);
      const line = lines.get(name) ?? measured.map(() => "–");
      lines.set(name, line);
      if (time) line[column] = milliseconds(time.medianMs);
    }
  }
  return Array.from(tables, ([title, lines]) => ({
    title: `${title}, ms`,
    header: ["", ...measured.map(({ name }) => name)],
    lines: Array.from(lines, ([name, cells]) => [name, ...cells]),
  }));
}

/** The adapter, and what ran it where that was a browser. */
function columnName({ adapter, versions }: BenchRecord): string {
  return adapterName(adapter) + (versions.chromium ? " (Chromium)" : "");
}
