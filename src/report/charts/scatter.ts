/** Charts of points in a plane: what something costs against what it is worth. */
import * as Plot from "@observablehq/plot";
import type { Axis } from "./scale.ts";
import { dotStyle, lineStyle, type Style } from "./styles.ts";

export interface Cloud {
  readonly points: readonly CloudPoint[];
  readonly style: Style;
  /** Joined in their order, or by steps: what the one before is worth holds up to the next one's place. */
  readonly joined?: true | "steps";
  /** Default: a dot at each point. */
  readonly dots?: "none";
}

export interface CloudPoint {
  readonly x: number;
  readonly y: number;
  /** Shown where the pointer rests. */
  readonly title?: string;
}

/** Pixels of a chart that aren't its plane. */
export const MARGINS = { marginTop: 30, marginBottom: 38, marginLeft: 50, marginRight: 14 } as const;
/** Pixels. */
export const HEIGHT = 230;
/** Labels stand so many pixels above their places. */
const ABOVE = 11;

export interface ScatterOptions {
  /** The last one lies on top. */
  readonly clouds: readonly Cloud[];
  readonly x: Axis;
  readonly y: Axis;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Written over places. */
  readonly labels?: readonly { readonly x: number; readonly y: number; readonly text: string }[];
  /** How far up and down places may be in truth. */
  readonly whiskers?: readonly { readonly x: number; readonly from: number; readonly to: number }[];
}

export function scatter(
  width: number,
  { clouds, x, y, xLabel, yLabel, labels = [], whiskers = [] }: ScatterOptions,
): Plot.PlotOptions {
  return {
    width,
    height: HEIGHT,
    ...MARGINS,
    x: { type: x.type, domain: x.domain, label: null },
    y: { type: y.type, domain: y.domain, label: null },
    marks: [
      Plot.gridX([...x.ticks], { stroke: "var(--grid)", strokeOpacity: 1 }),
      Plot.gridY([...y.ticks], { stroke: "var(--grid)", strokeOpacity: 1 }),
      Plot.axisX([...x.ticks], { text: x.ticks.map(x.format), tickSize: 3, label: null }),
      Plot.axisY([...y.ticks], { text: y.ticks.map(y.format), tickSize: 0, tickPadding: 6, label: null }),
      Plot.text([xLabel], { frameAnchor: "bottom", dy: 34, fill: "var(--muted)" }),
      Plot.text([yLabel], { frameAnchor: "top-left", textAnchor: "start", dx: -46, dy: -24, fill: "var(--muted)" }),
      Plot.link(whiskers, { x1: "x", x2: "x", y1: "from", y2: "to", stroke: "var(--faint)", strokeWidth: 1.5 }),
      ...clouds.flatMap(({ points, style, joined, dots }) => [
        ...joined
          ? [
            Plot.line(points, {
              x: "x",
              y: "y",
              ...lineStyle(style),
              ...joined === "steps" && { curve: "step-after" },
            }),
          ]
          : [],
        ...dots === "none" ? [] : [
          Plot.dot(points, {
            x: "x",
            y: "y",
            ...dotStyle(style),
            ...points.some(({ title }) => title) && { title: "title" },
          }),
        ],
      ]),
      Plot.text(labels, {
        x: "x",
        y: "y",
        text: "text",
        dy: -ABOVE,
        fontWeight: 600,
        stroke: "var(--card)",
        strokeWidth: 3,
        fill: "currentColor",
      }),
    ],
  };
}
