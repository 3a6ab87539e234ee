/** Charts of curves over time (epochs, updates), with the phases of the run as bands behind them. */
import * as Plot from "@observablehq/plot";
import type { Axis } from "./scale.ts";
import { lineStyle, type Style } from "./styles.ts";
import { CHARACTER } from "./svg.ts";

export interface Series {
  readonly values: readonly { readonly x: number; readonly y: number }[];
  readonly style: Style;
}

/** A stretch of whole numbers from..to (both included) with a name. */
export interface Band {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

export interface LinesOptions {
  readonly series: readonly Series[];
  readonly bands: readonly Band[];
  readonly y: Axis;
  readonly yLabel: string;
  readonly xLabel: string;
}

const LEFT = 50;
const RIGHT = 12;

export function lines(width: number, { series, bands, y, yLabel, xLabel }: LinesOptions): Plot.PlotOptions {
  const first = Math.min(...bands.map((band) => band.from));
  const last = Math.max(...bands.map((band) => band.to));
  const left = LEFT;
  const perStep = (width - left - RIGHT) / (last - first + 1);
  const named = bands.every((band) => (band.to - band.from + 1) * perStep > band.name.length * CHARACTER + 4);
  const labels = bands.map((band, i) => ({
    text: named ? band.name : String(i + 1),
    at: (band.from + band.to) / 2,
  }));
  return {
    width,
    height: 210,
    marginTop: 36,
    marginBottom: 38,
    marginLeft: left,
    marginRight: RIGHT,
    x: { type: "linear", domain: [first - 0.5, last + 0.5], label: null },
    y: { type: y.type, domain: y.domain, label: null, clamp: true },
    marks: [
      Plot.rect(bands.filter((_, i) => i % 2 === 0), {
        x1: (band: Band) => band.from - 0.5,
        x2: (band: Band) => band.to + 0.5,
        y1: y.domain[0],
        y2: y.domain[1],
        fill: "var(--band)",
      }),
      Plot.gridY([...y.ticks], { stroke: "var(--grid)", strokeOpacity: 1 }),
      Plot.axisY([...y.ticks], { text: y.ticks.map(y.format), tickSize: 0, tickPadding: 6, label: null }),
      Plot.axisX(wholeTicks(first, last, width / 60), { tickFormat: String, tickSize: 3, label: null }),
      Plot.text([xLabel], { frameAnchor: "bottom", dy: 34, fill: "var(--muted)" }),
      Plot.text([yLabel], {
        frameAnchor: "top-left",
        textAnchor: "start",
        dx: -left + 4,
        dy: -30,
        fill: "var(--muted)",
      }),
      ...(bands.length > 1
        ? [Plot.text(apart(labels, perStep), {
          x: "at",
          text: "text",
          frameAnchor: "top",
          dy: -12,
          fill: "var(--muted)",
        })]
        : []),
      ...series.map(({ values, style }) => Plot.line(values, { x: "x", y: "y", ...lineStyle(style) })),
      // A line of one point is invisible.
      ...series.filter(({ values }) => values.length === 1).map(({ values, style }) =>
        Plot.dot(values, { x: "x", y: "y", r: 2.5, fill: style.color })
      ),
    ],
  };
}

/** Neighbouring items of one name as a band. */
export function bandsOf<T>(items: readonly T[], name: (item: T) => string, x: (item: T) => number): Band[] {
  const bands: Band[] = [];
  for (const item of items) {
    const open = bands[bands.length - 1];
    if (open && open.name === name(item)) bands[bands.length - 1] = { ...open, to: x(item) };
    else bands.push({ name: name(item), from: x(item), to: x(item) });
  }
  return bands;
}

/** Leaves out the labels that would touch the one before. */
function apart<L extends { readonly text: string; readonly at: number }>(labels: readonly L[], perStep: number): L[] {
  const kept: L[] = [];
  let free = -Infinity;
  for (const label of labels) {
    const half = label.text.length * CHARACTER / 2;
    if (label.at * perStep - half < free) continue;
    kept.push(label);
    free = label.at * perStep + half + 4;
  }
  return kept;
}

function wholeTicks(first: number, last: number, most: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((s) => (last - first) / s <= most) ?? 10_000;
  const ticks = [];
  for (let tick = Math.ceil(first / step) * step; tick <= last; tick += step) ticks.push(tick);
  return ticks.includes(first) || step === 1 || ticks[0] - first <= step / 2 ? ticks : [first, ...ticks];
}
