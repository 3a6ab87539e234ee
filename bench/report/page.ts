/** The page of the results: one file without scripts, fonts or links, that opens with no network. */
import { adapterName } from "../../src/gpu/adapter.ts";
import { isSoftware } from "../../src/report/build.ts";
import { type Html, markup, raw, table } from "../../src/report/markup.ts";
import style from "../../src/report/style.css" with { type: "text" };
import type { Roofline } from "../../src/measure/roofline.ts";
import { type CompilerResults, summaryTable } from "../compiler/results.ts";
import type { Absent, Contest, Standing } from "../contest.ts";
import type { Setting } from "../record.ts";
import { type FinishedRow, goalsReached, tablesOf } from "../rows.ts";
import { byAdapter } from "./by_adapter.ts";
import { contestFigure } from "./rivals.ts";
import { rooflineFigure } from "./roofline.ts";
import { SPEEDUP_LEAD, speedupFigures } from "./speedup.ts";

/** A record as a suite wrote it. */
export type BenchRecord = Setting & {
  readonly results: (Measured | Contests | OneContest | CompilerResults) & Unfinished;
};

interface Unfinished {
  /** Cases that hadn't run when the record was written. */
  readonly remaining?: readonly string[];
}

interface Measured {
  readonly title: string;
  readonly notes: readonly string[];
  readonly tuning: string;
  /** "part" where cases or a variant were chosen; absent in records from before there was a choice. */
  readonly scope?: "whole" | "part";
  readonly roofline: Roofline;
  readonly rows: readonly FinishedRow[];
}

interface Contests {
  readonly contests: readonly Contest[];
}

interface OneContest {
  readonly ranks: readonly Standing[];
  readonly missing: readonly Absent[];
}

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** The report has a heading between its charts and its tables, this page none. */
const SPACING = `.figures + .scroll, .figures + details {
  margin-top: 20px;
}
`;

/** Records that have nothing to draw are passed over; the same records give the same bytes. */
export function renderResults(records: readonly BenchRecord[]): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Benchmarks of Secateur</title>
<style>
${raw(style + SPACING)}</style>
</head>
<body>
<header>
<h1>Benchmarks of Secateur</h1>
<p class="headline">The latest run of each suite</p>
</header>
<main>
${records.map((record, i) => [section(record), besideOthers(records, i)])}</main>
<footer>Times are medians, MAD is the median distance from them. 1 GFLOP/s counts a multiply-add as two operations.
docs/benchmarks.md says how everything is measured.</footer>
</body>
</html>
`.html;
}

/** After the last record of a suite: its times on several adapters, where it has some. */
function besideOthers(records: readonly BenchRecord[], i: number): readonly Html[] {
  const { suite } = records[i];
  if (records[i + 1]?.suite === suite) return [];
  return byAdapter(records.filter((record) => record.suite === suite)).map(({ title, header, lines }) =>
    table(title, header.map((label, i) => ({ label, kind: i === 0 ? "words" : "numbers" })), lines)
  );
}

function section(record: BenchRecord): Html {
  const { suite, results } = record;
  if ("workloads" in results) return compilerSection(record, results);
  const contests = contestsOf(record);
  // What a contest has as rows is of another kind.
  if (!contests && "rows" in results) return measuredSection(record, results);
  if (!contests || contests.length === 0) return markup``;
  return markup`<h2>${suite}</h2>
${origin(record)}<div class="figures">
${contests.map((contest, i) => contestFigure(`${suite}-${i}`, contest))}</div>
`;
}

function contestsOf({ suite, results }: BenchRecord) {
  if ("contests" in results) return results.contests;
  if ("ranks" in results) return [{ title: suite, ranks: results.ranks, missing: results.missing }];
}

function measuredSection(record: BenchRecord, { title, notes, scope = "whole", roofline, rows }: Measured): Html {
  const { suite } = record;
  const curves = speedupFigures(suite, rows);
  const roof = rooflineFigure(suite, rows, roofline);
  return markup`<h2>${suite}: ${title}</h2>
${origin(record)}${scope === "whole" ? markup`<p><strong>${goalsReached(rows)}</strong></p>` : ""}
${curves.length > 0 ? SPEEDUP_LEAD : ""}<div class="figures">
${curves}${roof ?? ""}</div>
${
    tablesOf(rows).map(({ title, header, lines }) =>
      table(
        title,
        header.map((label, i) => ({ label, kind: i === 0 || WORDS.includes(label) ? "words" : "numbers" })),
        lines,
      )
    )
  }
${notes.map((note) => markup`<p class="note">${note}</p>`)}
`;
}

function compilerSection(record: BenchRecord, { gpu, about, profile, mesa, workloads }: CompilerResults): Html {
  const { title, header, lines } = summaryTable(workloads);
  return markup`<h2>${record.suite}: how our kernels compile for ${gpu}</h2>
${origin(record)}<p>${about}; Mesa ${mesa}; plans of the profile “${profile}”. Nothing was computed or timed.</p>
${
    table(
      title,
      ["", ...header].map((label, i) => ({ label, kind: i === 0 ? "words" : "numbers" })),
      lines,
    )
  }
`;
}

const WORDS: readonly string[] = ["way", "goal", "goal met", "note", "published"];

function origin({ date, commit, adapter, machine, versions, seed, clock }: BenchRecord): Html {
  const name = adapterName(adapter);
  const versionList = Object.entries(versions).map(([what, version]) => `${what} ${version}`).join(", ");
  return markup`<p>${
    date.slice(0, 16).replace("T", " ")
  }, commit ${commit}, ${name}, ${machine.os} ${machine.arch} with ${machine.cores} cores at load ${
    machine.load.toFixed(1)
  }, ${versionList}, seed ${seed}, ${clock}.</p>
${
    isSoftware(adapter)
      ? markup`<p class="note warning"><strong>Software adapter.</strong> ${name} computes on the CPU: absolute times mean
little; compare ratios.</p>
`
      : ""
  }`;
}
