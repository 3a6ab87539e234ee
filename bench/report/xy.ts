/** Charts of points and lines over two measured axes. */
import * as Plot from "@observablehq/plot";
import type { Axis } from "../../src/report/charts/scale.ts";
import { dotStyle, lineStyle, type Style } from "../../src/report/charts/styles.ts";

export interface XYSeries {
  /** A name stands beside its point where there is room for it, and comes up under a pointer anyway. */
  readonly values: readonly { readonly x: number; readonly y: number; readonly name?: string }[];
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

const HEIGHT = 260, TOP = 26, BOTTOM = 38, LEFT = 50, RIGHT = 14;
/** Of the names' letters, in pixels, and what is kept free around a dot. */
const LETTER = 5, LINE = 10, DOT = 4;

export function xy(width: number, { x, y, xLabel, yLabel, below, series }: XYOptions): Plot.PlotOptions {
  const names = namesWithRoom(series.flatMap(({ values }) => values), {
    x: places(x, [LEFT, width - RIGHT]),
    y: places(y, [HEIGHT - BOTTOM, TOP]),
    right: width - 2,
  });
  return {
    width,
    height: HEIGHT,
    marginTop: TOP,
    marginBottom: BOTTOM,
    marginLeft: LEFT,
    marginRight: RIGHT,
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
        Plot.dot(values, { x: "x", y: "y", title: "name", ...dotStyle(style), r: 3 }),
      ]),
      Plot.text(names, { x: "x", y: "y", text: "name", textAnchor: "start", dx: 6, fontSize: 9, fill: "var(--muted)" }),
    ],
  };
}

/** Where a value stands in pixels. */
function places({ type, domain: [low, high] }: Axis, [from, to]: readonly [number, number]): (value: number) => number {
  const at = type === "log" ? Math.log : (value: number) => value;
  return (value) => from + (to - from) * (at(value) - at(low)) / (at(high) - at(low));
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Those of the named points whose names, to the right of them, cover no dot and no name before them. */
export function namesWithRoom<P extends { readonly x: number; readonly y: number; readonly name?: string }>(
  points: readonly P[],
  { x, y, right }: { x: (value: number) => number; y: (value: number) => number; right: number },
): P[] {
  const around = (left: number, width: number, middle: number, height: number): Box => ({
    left,
    right: left + width,
    top: middle - height / 2,
    bottom: middle + height / 2,
  });
  const taken = points.map((point) => around(x(point.x) - DOT, 2 * DOT, y(point.y), 2 * DOT));
  return points.filter((point) => {
    if (point.name === undefined) return false;
    const box = around(x(point.x) + DOT + 1, LETTER * point.name.length, y(point.y), LINE);
    const free = box.right <= right &&
      taken.every((other) =>
        other.right <= box.left || other.left >= box.right || other.bottom <= box.top || other.top >= box.bottom
      );
    if (free) taken.push(box);
    return free;
  });
}
