/** How series are told apart: by colour (a variable of the page, so that it follows light and dark), dashes and symbol. */
import * as Plot from "@observablehq/plot";
import { type Html, markup } from "../markup.ts";
import { ornament } from "./svg.ts";

export interface Style {
  readonly color: string;
  readonly dash?: string;
  readonly symbol: "circle" | "square" | "triangle" | "diamond" | "cross" | "star";
  /** An outlined symbol. */
  readonly hollow?: true;
}

export const STYLES: readonly Style[] = [
  { color: "var(--s1)", symbol: "circle" },
  { color: "var(--s2)", symbol: "square", dash: "6,3" },
  { color: "var(--s3)", symbol: "triangle", dash: "2,3" },
  { color: "var(--s4)", symbol: "diamond", dash: "8,3,2,3" },
  { color: "var(--s5)", symbol: "star", dash: "12,3" },
  { color: "var(--s6)", symbol: "cross", dash: "4,2,1,2,1,2" },
];

/** The style of series number `index`: the second six are outlined, and after twelve they begin again. */
export function seriesStyle(index: number): Style {
  const style = STYLES[index % STYLES.length];
  return Math.floor(index / STYLES.length) % 2 === 0 ? style : { ...style, hollow: true };
}

/** The less important of two. */
export const SECOND: Style = { color: "var(--s2)", symbol: "diamond", hollow: true, dash: "4,3" };

export type Sample = "dot" | "line" | "line and dot" | "bar";

/** Says what the styles stand for. */
export function legend(
  entries: readonly { readonly label: string; readonly style: Style; readonly sample: Sample }[],
): Html {
  const items = entries.map(({ label, style, sample }) => markup`<li>${swatch(style, sample)} ${label}</li>`);
  return markup`<ul class="legend">${items}</ul>`;
}

/** Options of a dot mark. */
export function dotStyle({ color, symbol, hollow }: Style): Plot.DotOptions {
  return { symbol, r: 3.8, stroke: color, strokeWidth: 1.5, fill: hollow ? "var(--card)" : color };
}

/** Options of a line mark. */
export function lineStyle({ color, dash }: Style): Plot.LineOptions {
  return { stroke: color, strokeDasharray: dash, strokeWidth: 1.75 };
}

/** A small picture of a style, 28 × 12 pixels. */
export function swatch(style: Style, sample: Sample): Html {
  const marks: Plot.Markish[] = [];
  if (sample === "bar") {
    marks.push(Plot.rect([0], {
      x1: 4,
      x2: 24,
      y1: 0.15,
      y2: 0.85,
      fill: style.hollow ? "none" : style.color,
      stroke: style.color,
    }));
  }
  if (sample.startsWith("line")) marks.push(Plot.line([[0, 0.5], [28, 0.5]], lineStyle(style)));
  if (sample.endsWith("dot")) marks.push(Plot.dot([[14, 0.5]], dotStyle(style)));
  return ornament({
    width: 28,
    height: 12,
    margin: 0,
    axis: null,
    x: { domain: [0, 28] },
    y: { domain: [0, 1] },
    marks,
  });
}
