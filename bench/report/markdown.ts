/** The tables of docs/benchmarks.md, made from committed records so that neither can say what the other doesn't. Pure. */
import { type CompilerResults, kernelTable, summaryTable } from "../compiler/results.ts";
import type { Contest } from "../contest.ts";
import { adapterName } from "../../src/gpu/adapter.ts";
import { milliseconds } from "../../src/report/format.ts";
import { tablesOf } from "../rows.ts";
import type { BenchRecord } from "./page.ts";

const BLOCK = /<!-- record (\S+) -->\n[^]*?<!-- end -->/g;

/**
 * The document with each `<!-- record NAME -->` … `<!-- end -->` filled from the record of that name.
 *
 * @throws RangeError for a name without a record
 */
export function filledIn(document: string, record: (name: string) => BenchRecord | undefined): string {
  return document.replaceAll(BLOCK, (_, name: string) => {
    const found = record(name);
    if (!found) throw new RangeError(`there is no record "${name}" for the document's tables`);
    return `<!-- record ${name} -->\n\n${tables(found)}\n\n<!-- end -->`;
  });
}

function tables(record: BenchRecord): string {
  const { results } = record;
  if ("workloads" in results) return compilerTables(results, record);
  const blocks = "rows" in results && "roofline" in results
    ? tablesOf(results.rows).map(({ title, header, lines }) => table([title, ...header.slice(1)], lines))
    : "contests" in results
    ? results.contests.map(contest)
    : [contest({ title: record.suite, ...results })];
  const { remaining = [] } = results;
  const left = remaining.length > 0 ? [`Not run: ${remaining.join("; ")}.`] : [];
  return [source(record), ...blocks, ...left].join("\n\n");
}

function compilerTables(
  { gpu, about, profile, mesa, workloads }: CompilerResults,
  { commit, date }: BenchRecord,
): string {
  const facts = [
    `${gpu} (${about})`,
    `Mesa ${mesa}`,
    `plans of the profile "${profile}"`,
    ...sourceFacts(commit, date),
  ];
  const blocks = [summaryTable(workloads), kernelTable(workloads)];
  return [`${facts.join(", ")}:`, ...blocks.map(({ title, header, lines }) => table([title, ...header], lines))].join(
    "\n\n",
  );
}

/** What the numbers were measured on. */
function source({ adapter, machine, versions, seed, commit, date, results }: BenchRecord): string {
  const peak = "roofline" in results
    ? [`${milliseconds(results.roofline.gflops)} GFLOP/s and ${milliseconds(results.roofline.gbps)} GB/s at most`]
    : [];
  const plans = "tuning" in results ? [results.tuning === "measured" ? "plans tuned" : "plans not tuned"] : [];
  const facts = [
    adapterName(adapter),
    `${machine.cores} cores`,
    `Deno ${versions.deno}`,
    ...peak,
    ...plans,
    `seed ${seed}`,
    ...sourceFacts(commit, date),
  ];
  return `${facts.join(", ")}:`;
}

function sourceFacts(commit: string, date: string): string[] {
  return [`commit ${commit.slice(0, 7)}${commit.endsWith("+") ? "+" : ""}`, date.slice(0, 10)];
}

function contest({ title, ranks, missing, goals = [] }: Contest): string {
  const rows = [
    ...ranks.map(({ name, medianMs, madMs, ratio, samples }) => [
      name,
      milliseconds(medianMs),
      milliseconds(madMs),
      String(samples),
      `${ratio >= 0.1 ? ratio.toFixed(2) : ratio.toPrecision(2)}×`,
    ]),
    ...missing.map(({ name, reason }) => [name, "–", "–", "–", reason]),
  ];
  const reached = goals.length > 0 ? `\n\nGoals: ${goals.join("; ")}.` : "";
  return table([title, "ms", "MAD", "samples", "ratio"], rows) + reached;
}

/** Names to the left, everything else to the right; empty columns are left out. */
function table(header: readonly string[], lines: readonly (readonly string[])[]): string {
  const kept = header.map((_, i) => i).filter((i) =>
    i === 0 || lines.some((line) => line[i] !== "" && line[i] !== "–")
  );
  const row = (cells: readonly string[]) => `| ${kept.map((i) => cells[i].replaceAll("|", "\\|")).join(" | ")} |`;
  return [row(header), `| ${kept.map((i) => i === 0 ? "---" : "--:").join(" | ")} |`, ...lines.map(row)].join("\n");
}
