import * as Plot from "@observablehq/plot";
import type { Roofline } from "../../src/measure/roofline.ts";
import { logAxis } from "../../src/report/charts/scale.ts";
import { legend, seriesStyle } from "../../src/report/charts/styles.ts";
import { drawn } from "../../src/report/charts/svg.ts";
import { figure } from "../../src/report/figures/frame.ts";
import { type Html, markup } from "../../src/report/markup.ts";
import type { FinishedRow } from "../rows.ts";
import { xy } from "./xy.ts";

/** Every row with arithmetic under the two roofs; undefined where there is none. */
export function rooflineFigure(id: string, rows: readonly FinishedRow[], roofline: Roofline): Html | undefined {
  const points = rows.flatMap(({ table, series = table, name, work, rates }) =>
    work && rates && work.flops > 0 ? [{ table, series, name, x: work.flops / work.bytes, y: rates.gflops }] : []
  );
  if (points.length === 0) return undefined;
  const groups = [...Map.groupBy(points, ({ series }) => series)].map(([series, values], i) => ({
    series,
    values,
    style: seriesStyle(i),
  }));
  const { gflops, gbps } = roofline;
  const ridge = gflops / gbps;
  const intensities = [...points.map(({ x }) => x), ridge];
  const roof = (x: number) => ({ x, y: Math.min(gflops, gbps * x) });
  return figure(
    "Under the roofs",
    markup`<p>Each kernel's rate over its arithmetic intensity, with its name where there is room; a pointer on a dot shows
it everywhere. The line is what this adapter allows: ${gbps.toFixed(1)} GB/s on the left, ${
      gflops.toFixed(1)
    } GFLOP/s on the right.</p>
${legend(groups.map(({ series, style }) => ({ label: series, style, sample: "dot" })))}`,
    drawn({
      id: `roofline-${id}`,
      title: "Roofline",
      description: `GFLOP/s by operations per byte: ${
        points.map(({ table, name, x, y }) => `${table}, ${name}: ${y.toFixed(2)} at ${x.toFixed(1)}`).join("; ")
      }.`,
    }, (width) => {
      const x = logAxis(intensities, width / 60);
      const y = logAxis([...points.map(({ y }) => y), gflops], 6);
      const ends = [x.domain[0], ridge, x.domain[1]].map(roof);
      return xy(width, {
        x,
        y,
        xLabel: "operations per byte, logarithmic",
        yLabel: "GFLOP/s, logarithmic",
        below: [Plot.line(ends, { x: "x", y: "y", stroke: "var(--muted)", strokeWidth: 1.5 })],
        series: groups.map(({ values, style }) => ({ values, style, shape: "dots" })),
      });
    }),
  );
}
