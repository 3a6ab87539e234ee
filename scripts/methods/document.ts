/**
 * Fills the tables of docs/methods.md from docs/results/methods/<net>.json, which are copies of what the suite has written:
 *
 *     deno run -A scripts/methods/document.ts && deno fmt docs/methods.md
 */
import type { DoneCell } from "./cell.ts";
import { tablesOf } from "./table.ts";

/** What the suite writes of one net. */
export interface MethodsRecord {
  readonly about: string;
  readonly date: string;
  readonly adapter: { readonly vendor: string; readonly description: string };
  readonly cells: readonly DoneCell[];
  /** Cells that a method refuses, and why. */
  readonly missing: readonly { readonly cell: string; readonly reason: string }[];
}

const docs = `${import.meta.dirname}/../../docs`;
const BLOCK = /<!-- methods (\S+) -->\n[^]*?<!-- end -->/g;

/**
 * The document with each `<!-- methods NET -->` … `<!-- end -->` filled from the record of that net.
 *
 * @throws Deno.errors.NotFound for a net without a record
 */
export function methodsPage(document: string): string {
  return document.replaceAll(BLOCK, (_, net: string) => {
    const record: MethodsRecord = JSON.parse(Deno.readTextFileSync(`${docs}/results/methods/${net}.json`));
    return `<!-- methods ${net} -->\n\n${section(record)}\n\n<!-- end -->`;
  });
}

function section({ about, date, adapter, cells, missing }: MethodsRecord): string {
  const commits = [...new Set(cells.map(({ commit }) => commit.slice(0, 7)))];
  const source = `${adapter.description || adapter.vendor}, commit ${commits.join(" and ")}, ${date.slice(0, 10)}`;
  const left = missing.length > 0
    ? [`Refused: ${missing.map(({ cell, reason }) => `${cell} (${reason})`).join("; ")}.`]
    : [];
  return [`${about}. ${source}:`, tablesOf(cells), ...left].join("\n\n");
}

if (import.meta.main) {
  const path = `${docs}/methods.md`;
  Deno.writeTextFileSync(path, methodsPage(Deno.readTextFileSync(path)));
}
