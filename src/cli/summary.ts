import { adapterName } from "../gpu/adapter.ts";
import { accuracyOf, reachedText, stagesOf } from "../report/build.ts";
import { FINALIST_LABELS, finalistCells } from "../report/device_search.ts";
import { bytes, count, milliSpread, percent, plain, times } from "../report/format.ts";
import { resultLines } from "../report/result.ts";
import type { Agreement, Report, Variant } from "../report/types.ts";
import { formatTable } from "./table.ts";

/** What a finished run has to say: what it came to, its stages, how fast each form is, and where to read more. */
export function formatSummary(report: Report, htmlPath: string): string {
  const parts = [formatTable(resultLines(report)), formatPoints(report), formatSearch(report), formatLatency(report)];
  return [...parts, formatFacts(report, htmlPath)].filter((part) => part !== "").join("\n\n");
}

function formatPoints(report: Report): string {
  const points = stagesOf(report);
  if (report.best) points.push(report.best);
  for (const [name, point] of Object.entries(report.controls)) points.push({ ...point, name: `control: ${name}` });
  const rows = points.map((point) => [
    point.name,
    ...point.agreement
      ? [point.agreement.sameClass === undefined ? "–" : percent(point.agreement.sameClass), lossOf(point.agreement)]
      : [percent(accuracyOf(point).validation), percent(accuracyOf(point).test)],
    count(point.params),
    count(point.nonzero),
    count(point.macs),
    bytes(point.bytes),
  ]);
  const told = report.final.agreement ? ["same class", "outputs off by"] : ["validation", "test"];
  return formatTable([["stage", ...told, "parameters", "non-zero", "MACs", "size"], ...rows], {
    header: true,
    left: 1,
  });
}

/** The finalists of a search, with what was expected of each and what was measured. */
function formatSearch({ search }: Report): string {
  if (!search) return "";
  return formatTable([FINALIST_LABELS, ...finalistCells(search)], { header: true, left: 1 });
}

function lossOf({ outputLoss }: Agreement): string {
  return plain(Number(outputLoss.toPrecision(3)));
}

function formatLatency({ latency, speedup }: Report): string {
  const batches = [...new Set(latency.map((entry) => entry.batch))].sort((a, b) => a - b);
  if (batches.length === 0) return "";
  const variants = (["dense", "masked", "compact"] as const).filter((variant) =>
    latency.some((entry) => entry.variant === variant)
  );
  const cell = (batch: number, variant: Variant) => {
    const found = latency.find((entry) => entry.batch === batch && entry.variant === variant);
    return found ? milliSpread(found.medianMs, found.madMs) : "";
  };
  const rows = batches.map((batch) => {
    const ratio = speedup.find((entry) => entry.batch === batch)?.ratio;
    return [
      `batch ${batch}`,
      ...variants.map((variant) => cell(batch, variant)),
      ratio === undefined ? "" : times(ratio),
    ];
  });
  return formatTable([["median ± MAD", ...variants, "speed-up"], ...rows], { header: true, left: 1 });
}

function formatFacts(report: Report, htmlPath: string): string {
  const { equivalence, admm, achieved, requested, adapter, files, f16 } = report;
  const rows: string[][] = [];
  for (const [name, asked] of Object.entries(requested)) {
    const reached = reachedText(report, name);
    rows.push([
      name,
      `asked ${plain(asked)}, ${name in achieved ? `reached ${reached}` : `what was reached ${reached}`}`,
    ]);
  }
  rows.push(
    "notProved" in equivalence ? ["proof", `not proved: ${equivalence.notProved}`] : [
      "compact = masked",
      `largest relative difference ${equivalence.maxRel.toExponential(1)} over ${count(equivalence.inputs)} inputs`,
    ],
  );
  if (admm.length > 0) {
    const worst = admm.reduce((a, b) => a.residual >= b.residual ? a : b);
    rows.push(["ADMM residual", `‖W−Z‖/‖W‖ at most ${plain(worst.residual)} (${worst.layer}), ${admm.length} layers`]);
  }
  if (f16) rows.push(["f16 for f32", halfFact(f16, report.baseline.accuracy !== undefined)]);
  rows.push(["adapter", adapterName(adapter)]);
  if (adapter.avoided) rows.push(["computed", adapter.avoided]);
  rows.push(["report", htmlPath]);
  if (files) rows.push(["network", `${files.join(", ")}, beside it`]);
  return formatTable(rows);
}

function halfFact(f16: NonNullable<Report["f16"]>, labelled: boolean): string {
  if ("notMeasured" in f16) return `not measured: ${f16.notMeasured}`;
  const { accuracy, images, maxRel } = f16;
  const moved = `outputs move by ${maxRel.toExponential(1)} at most over ${count(images)} images`;
  return labelled ? `accuracy ${percent(accuracy.f16)}, from ${percent(accuracy.f32)}; ${moved}` : moved;
}
