import * as Plot from "@observablehq/plot";
import { bars, rows } from "../charts/rows.ts";
import { amountAxis } from "../charts/scale.ts";
import { STYLES } from "../charts/styles.ts";
import { drawn } from "../charts/svg.ts";
import { milliSpread, times } from "../format.ts";
import { type Html, markup } from "../markup.ts";
import type { Latency, Report } from "../types.ts";
import { figure, pairs } from "./frame.ts";

const [FIRST] = STYLES;
const VARIANTS = ["dense", "masked", "compact"] as const;

/** Times of each form with their spread, a plot per batch: their scales have nothing in common. */
export function latencyFigure({ latency, speedup }: Report): Html {
  const batches = [...new Set(latency.map(({ batch }) => batch))].sort((a, b) => a - b);
  return figure(
    "Latency",
    markup`<p>Median time of one forward pass; whiskers show the spread (median absolute deviation, MAD).</p>`,
    ...batches.map((batch) => {
      const entries = VARIANTS.flatMap((variant) =>
        latency.filter((entry) => entry.batch === batch && entry.variant === variant)
      );
      const ratio = speedup.find((entry) => entry.batch === batch)?.ratio;
      return markup`<h4>Batch ${batch}${ratio === undefined ? "" : `: ${times(ratio)} as fast`}</h4>${
        batchPlot(batch, entries)
      }`;
    }),
  );
}

function batchPlot(batch: number, entries: readonly Latency[]): Html {
  const notes = entries.map(({ medianMs, madMs }) => milliSpread(medianMs, madMs));
  const caption = {
    id: `latency-${batch}`,
    title: `Latency at batch ${batch}`,
    description: `Median and MAD: ${pairs(entries.map(({ variant }) => variant), notes)}.`,
  };
  const whiskers = entries.map(({ medianMs, madMs }, i) => ({
    from: Math.max(0, medianMs - madMs),
    to: medianMs + madMs,
    i,
  }));
  return drawn(caption, (width) =>
    rows(width, {
      names: entries.map(({ variant }) => variant),
      notes,
      axis: amountAxis(Math.max(...whiskers.map(({ to }) => to)), width / 90),
      axisLabel: "ms",
      marks: [
        bars(entries.map(({ medianMs }) => medianMs), FIRST, 0.6),
        Plot.link(whiskers, { x1: "from", x2: "to", y1: "i", y2: "i", stroke: "currentColor", strokeWidth: 1.5 }),
        ...(["from", "to"] as const).map((end) =>
          Plot.link(whiskers, {
            x1: end,
            x2: end,
            y1: ({ i }: { i: number }) => i - 0.15,
            y2: ({ i }: { i: number }) => i + 0.15,
            stroke: "currentColor",
            strokeWidth: 1.5,
          })
        ),
      ],
    }));
}
