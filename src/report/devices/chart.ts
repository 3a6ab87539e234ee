/** One chart over networks and devices: a line from the dense network's time to the pruned one's. */
import * as Plot from "@observablehq/plot";
import { dots, rows } from "../charts/rows.ts";
import { logAxis } from "../charts/scale.ts";
import { legend, type Style, STYLES } from "../charts/styles.ts";
import { drawn } from "../charts/svg.ts";
import { figure } from "../figures/frame.ts";
import { milliseconds, times } from "../format.ts";
import { type Html, markup } from "../markup.ts";
import type { Comparison } from "./compare.ts";

const [PRUNED] = STYLES;
/** The form that pruning starts from. */
const DENSE: Style = { ...STYLES[1], dash: undefined };
/** Where the pruned network would be, were time in proportion to multiply-adds. */
const BOUND: Style = { color: "var(--muted)", symbol: "diamond", hollow: true };

/** A row of the chart: the heading of a network and batch size, or a device that timed both forms without a doubt. */
interface ChartRow {
  readonly heading?: string;
  readonly device: string;
  readonly denseMs?: number;
  readonly prunedMs?: number;
  readonly boundMs?: number;
  readonly ratio?: number;
}

/**
 * Times are on a logarithmic axis: a line is as long as the speed-up is large, on a fast device and on a slow one. What is
 * in doubt is left to the tables.
 */
export function devicesChart({ labels, rows: compared }: Comparison): Html {
  const shown = compared.flatMap(({ network, batch, macs, speeds }) => {
    const sure = speeds.flatMap((speed, d): ChartRow[] => {
      if (speed?.ratio === undefined) return [];
      const [denseMs, prunedMs] = [speed.dense.medianMs!, speed.pruned.medianMs!];
      return [{ device: labels[d], denseMs, prunedMs, boundMs: denseMs / macs, ratio: speed.ratio }];
    });
    const heading = `${network}, batch ${batch}: ${times(macs)} fewer MACs`;
    return sure.length === 0 ? [] : [{ heading, device: "" }, ...sure];
  });
  if (shown.length === 0) return markup`<p class="note">Every pair of times is in doubt: the tables say why.</p>`;
  return figure(
    "Dense → pruned",
    markup`<p>Median of a forward pass. The longer the line, the more times as fast is the pruned network; the number is
that ratio. What is in doubt is in the tables only.</p>${
      legend([
        { label: "dense", style: DENSE, sample: "dot" },
        { label: "pruned", style: PRUNED, sample: "dot" },
        { label: "if only multiply-adds (MACs) counted", style: BOUND, sample: "dot" },
      ])
    }`,
    drawn(
      { id: "devices", title: "Dense and pruned on each device", description: sentences(shown) },
      (width) =>
        rows(width, {
          names: shown.map(({ device }) => device),
          headings: shown.map(({ heading }) => heading),
          notes: shown.map(({ ratio }) => ratio === undefined ? "" : times(ratio)),
          axis: logAxis(
            shown.flatMap(({ denseMs, prunedMs, boundMs }) =>
              [denseMs, prunedMs, boundMs].filter((ms) => ms !== undefined)
            ),
            width / 70,
          ),
          axisLabel: "ms",
          marks: marksOf(shown),
        }),
    ),
  );
}

function marksOf(shown: readonly ChartRow[]): Plot.Markish[] {
  const lines = shown.map((row, i) => ({ ...row, i })).filter(({ ratio }) => ratio !== undefined);
  const slower = (ratio: number) => ratio < 1;
  return [
    Plot.link(lines, {
      x1: "denseMs",
      x2: "prunedMs",
      y1: "i",
      y2: "i",
      stroke: ({ ratio }: { ratio: number }) => slower(ratio) ? DENSE.color : PRUNED.color,
      strokeWidth: 3,
      strokeOpacity: 0.6,
    }),
    dots(shown.map(({ boundMs }) => boundMs), BOUND, "dots"),
    dots(shown.map(({ denseMs }) => denseMs), DENSE, "dots"),
    dots(shown.map(({ prunedMs }) => prunedMs), PRUNED, "dots"),
  ];
}

/** The chart in words. */
function sentences(shown: readonly ChartRow[]): string {
  return shown.map(({ heading, device, denseMs, prunedMs, ratio }) =>
    heading ?? `${device} ${milliseconds(denseMs!)} → ${milliseconds(prunedMs!)} ms, ${times(ratio!)}`
  ).join("; ");
}
