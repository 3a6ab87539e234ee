import * as Plot from "@observablehq/plot";
import { amountAxis, logAxis } from "../../src/report/charts/scale.ts";
import { legend, seriesStyle } from "../../src/report/charts/styles.ts";
import { drawn } from "../../src/report/charts/svg.ts";
import { figure } from "../../src/report/figures/frame.ts";
import { times } from "../../src/report/format.ts";
import { type Html, markup } from "../../src/report/markup.ts";
import type { FinishedRow } from "../rows.ts";
import { breakEven } from "../sparse/break_even.ts";
import { xy } from "./xy.ts";

/** A figure for each table with rows on a curve: speed-up over dense against density, and where it ends. */
export function speedupFigures(id: string, rows: readonly FinishedRow[]): Html[] {
  const tables = Map.groupBy(rows.filter(({ curve }) => curve), ({ table }) => table);
  return [...tables].map(([table, rows], number) => {
    const series = [...Map.groupBy(rows.map(({ curve }) => curve!), ({ series }) => series)].map((
      [name, points],
      i,
    ) => ({
      name,
      even: breakEven(points),
      values: points.map(({ density, speedup }) => ({ x: density, y: speedup })).sort((a, b) => a.x - b.x),
      style: seriesStyle(i),
    }));
    const speedups = series.flatMap(({ values }) => values.map(({ y }) => y));
    return figure(
      table,
      legend(series.map(({ name, even, style }) => ({
        label: even === undefined ? `${name}: never faster` : `${name}: break-even at density ${even.toFixed(2)}`,
        style,
        sample: "line and dot",
      }))),
      drawn({
        id: `speedup-${id}-${number}`,
        title: `Speed-up against density, ${table}`,
        description: series.map(({ name, values }) =>
          `${name}: ${
            values.map(({ x, y }) => `${times(y)} at density ${x}`).join(", ")
          }`
        ).join("; ") + ".",
      }, (width) =>
        xy(width, {
          x: amountAxis(1, width / 70),
          y: logAxis([...speedups, 1], 6),
          xLabel: "density",
          yLabel: "speed-up over dense, logarithmic",
          below: [Plot.ruleY([1], { stroke: "var(--muted)", strokeWidth: 1.5 })],
          series: series.map(({ values, style }) => ({ values, style, shape: "path" })),
        })),
    );
  });
}

/** What the page says about density at the head of the figures. */
export const SPEEDUP_LEAD = markup`<p>Time of our own dense kernel over that of the sparse one. Below 1 dense is faster:
where the curve crosses that line is its break-even.</p>`;
