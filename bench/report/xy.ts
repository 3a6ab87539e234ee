/** Charts of points and lines over two measured axes. */
import * as Plot from "@observablehq/plot";
import type { Axis } from "../../src/report/charts/scale.ts";
import { dotStyle, lineStyle, type Style } from "../../src/report/charts/styles.ts";

export interface XYSeries {
  readonly values: readonly { readonly x: number; readonly y: number }[];
  readonly style: Style;
  readonly shape: "dots" | "path";
}

export interface XYOptions {
  readonly x: Axis;
  readonly y: Axis;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Drawn beneath the series. */
  readonly below: readonly Plot.Markish[];
  readonly series: readonly XYSeries[];
}

const LEFT = 50;

export function xy(width: number, { x, y, xLabel, yLabel, below, series }: XYOptions): Plot.PlotOptions {
  return {
    width,
    height: 260,
    marginTop: 26,
    marginBottom: 38,
    marginLeft: LEFT,
    marginRight: 14,
    x: { type: x.type, domain: x.domain, label: null, clamp: true },
    y: { type: y.type, domain: y.domain, label: null, clamp: true },
    marks: [
      Plot.gridX([...x.ticks], { stroke: "var(--grid)", strokeOpacity: 1 }),
      Plot.gridY([...y.ticks], { stroke: "var(--grid)", strokeOpacity: 1 }),
      Plot.axisX([...x.ticks], { text: x.ticks.map(x.format), tickSize: 3, label: null }),
      Plot.axisY([...y.ticks], { text: y.ticks.map(y.format), tickSize: 0, tickPadding: 6, label: null }),
      Plot.text([xLabel], { frameAnchor: "bottom", dy: 34, fill: "var(--muted)" }),
      Plot.text([yLabel], {
        frameAnchor: "top-left",
        textAnchor: "start",
        dx: -LEFT + 4,
        dy: -20,
        fill: "var(--muted)",
      }),
      ...below,
      ...series.flatMap(({ values, style, shape }) => [
        ...(shape === "path" ? [Plot.line(values, { x: "x", y: "y", ...lineStyle(style) })] : []),
        Plot.dot(values, { x: "x", y: "y", ...dotStyle(style), r: 3 }),
      ]),
    ],
  };
}
