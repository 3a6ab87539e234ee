import type { Latency, Point, Report, Variant } from "../report/types.ts";
import { formatTable } from "./table.ts";
import { byteSize, grouped, milliseconds, percent, times } from "./units.ts";

/** What a finished run has to say: its stages, how fast each form is, how sure that is, and where to read more. */
export function formatSummary(report: Report, htmlPath: string): string {
  return [formatPoints(report), formatLatency(report), formatFacts(report, htmlPath)].filter((part) => part !== "")
    .join("\n\n");
}

function formatPoints(report: Report): string {
  const points = [report.baseline, ...report.stages.filter((stage) => stage.name !== report.baseline.name)];
  // The last stage is the final network: no need to tell it twice.
  if (!samePoint(points[points.length - 1], report.final)) points.push(report.final);
  if (report.best) points.push(report.best);
  for (const [method, point] of Object.entries(report.controls)) {
    if (point) points.push({ ...point, name: `control: ${method}` });
  }
  const rows = points.map((point) => [
    point.name,
    percent(point.accuracy.validation),
    percent(point.accuracy.test),
    grouped(point.params),
    grouped(point.nonzero),
    grouped(point.macs),
    byteSize(point.bytes),
  ]);
  return formatTable([["stage", "validation", "test", "parameters", "non-zero", "MACs", "size"], ...rows], {
    header: true,
    left: 1,
  });
}

function samePoint(a: Point, b: Point): boolean {
  return a.params === b.params && a.macs === b.macs && a.nonzero === b.nonzero && a.accuracy.test === b.accuracy.test;
}

function formatLatency({ latency, speedup }: Report): string {
  const batches = [...new Set(latency.map((entry) => entry.batch))].sort((a, b) => a - b);
  if (batches.length === 0) return "";
  const variants = (["dense", "masked", "compact"] as const).filter((variant) =>
    latency.some((entry) => entry.variant === variant)
  );
  const cell = (batch: number, variant: Variant) => {
    const found = latency.find((entry) => entry.batch === batch && entry.variant === variant);
    return found ? spread(found) : "";
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

function spread({ medianMs, madMs }: Latency): string {
  return `${milliseconds(medianMs)} ± ${milliseconds(madMs)} ms`;
}

function formatFacts(report: Report, htmlPath: string): string {
  const { compression, equivalence, admm, achieved, requested, adapter } = report;
  const rows = [
    [
      "smaller",
      `${times(compression.params)} parameters, ${times(compression.macs)} MACs, ${
        times(compression.nonzero)
      } non-zero`,
    ],
  ];
  for (const [name, asked] of Object.entries(requested)) {
    rows.push([name, `asked ${plain(asked)}, reached ${name in achieved ? plain(achieved[name]) : "?"}`]);
  }
  if (equivalence.inputs > 0) {
    rows.push([
      "compact = masked",
      `largest relative difference ${equivalence.maxRel.toExponential(1)} over ${grouped(equivalence.inputs)} inputs`,
    ]);
  }
  if (admm.length > 0) {
    const worst = admm.reduce((a, b) => a.residual >= b.residual ? a : b);
    rows.push(["ADMM residual", `‖W−Z‖/‖W‖ at most ${plain(worst.residual)} (${worst.layer}), ${admm.length} layers`]);
  }
  rows.push(["adapter", adapter.description || adapter.vendor], ["report", htmlPath]);
  return formatTable(rows);
}

function plain(value: number): string {
  return String(Number(value.toPrecision(4)));
}
