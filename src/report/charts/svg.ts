/** From an Observable Plot to SVG text that lives in the page: no ids, no style element, short numbers. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom/worker";
import { visibleLines } from "../../visible.ts";
import { escapeHtml, type Html, raw } from "../markup.ts";

/** Charts are drawn for a phone and for anything wider; the page shows one of the two. Pixels. */
export const WIDTHS = { narrow: 328, wide: 520 } as const;

/** Pixels that a character of the charts' font takes, on average, in a wide one. */
export const CHARACTER = 6.6;

export interface Caption {
  /** Unique in the page: letters, digits and dashes. */
  readonly id: string;
  readonly title: string;
  /** What a reader who can't see it should know. */
  readonly description: string;
}

/** Draws a chart at both widths. */
export function drawn(caption: Caption, options: (width: number) => Plot.PlotOptions): Html {
  return raw(
    (["narrow", "wide"] as const).map((name) =>
      svgText(options(WIDTHS[name]), name, { ...caption, id: `${caption.id}-${name}` })
    )
      .join("\n"),
  );
}

/** A picture that says nothing which the text beside it doesn't. */
export function ornament(options: Plot.PlotOptions): Html {
  const { width, height, body } = draw(options);
  return raw(
    `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" aria-hidden="true">${body}</svg>`,
  );
}

/** The first characters and the last ones: in a net's names the middle says least. */
export function shorten(name: string, length: number): string {
  if (name.length <= length) return name;
  const tail = Math.floor((length - 1) * 0.6);
  return `${name.slice(0, length - 1 - tail)}…${name.slice(name.length - tail)}`;
}

function svgText(options: Plot.PlotOptions, name: string, { id, title, description }: Caption): string {
  const { width, height, body } = draw(options);
  return `<svg class="${name}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" ` +
    `aria-labelledby="${id}-t ${id}-d"><title id="${id}-t">${escapeHtml(title)}</title>` +
    `<desc id="${id}-d">${escapeHtml(description)}</desc>${body}</svg>`;
}

/** What stands in the chart's `svg` element, and how large that is. */
export function draw(options: Plot.PlotOptions): { width: string; height: string; body: string } {
  const svg = Plot.plot({ ...options, document: documentHere() as never, className: "plot" }) as unknown as SvgElement;
  svg.querySelector("style")?.remove();
  return {
    width: svg.getAttribute("width")!,
    height: svg.getAttribute("height")!,
    body: visibleLines(svg.innerHTML)
      .replace(/ (aria-label|aria-hidden|class)="[^"]*"/g, "")
      .replace(/="[^"<>]*"/g, (attribute) => attribute.replace(/-?\d+\.\d{3,}/g, shortNumber)),
  };
}

/** Hundredths of a pixel are fine enough. */
function shortNumber(digits: string): string {
  return String(Number(Number(digits).toFixed(2)));
}

/** What is used of the DOM, whose types Deno doesn't know. */
interface SvgElement {
  readonly innerHTML: string;
  querySelector(selector: string): { remove(): void } | null;
  getAttribute(name: string): string | null;
}

/** A page brings its own document, Deno none. */
function documentHere(): unknown {
  const page = globalThis as { document?: unknown };
  return page.document ?? (parseHTML("<!doctype html><html></html>") as typeof page).document;
}
