/** Small multiples: one panel for each row of a table, all with the same axes, as an SVG file that needs no page around it. */
import * as Plot from "@observablehq/plot";
import type { Axis } from "../../src/report/charts/scale.ts";
import { dotStyle, lineStyle, type Sample, type Style, swatch } from "../../src/report/charts/styles.ts";
import { CHARACTER, draw } from "../../src/report/charts/svg.ts";
import { escapeHtml } from "../../src/report/markup.ts";
import style from "../../src/report/style.css" with { type: "text" };

/** A mean over seeds, and how far they lie from it. */
export interface SpreadPoint {
  readonly x: number;
  readonly y: number;
  /** Standard deviation of y; undefined for one seed. */
  readonly deviation?: number;
}

export interface PanelLine {
  readonly points: readonly SpreadPoint[];
  readonly style: Style;
  /** What the panel is about, or something to compare it with: thin, and without dots. */
  readonly as: "subject" | "background";
}

export interface Panel {
  readonly title: string;
  /** The last one lies on top. */
  readonly lines: readonly PanelLine[];
}

export interface PanelsFile {
  readonly title: string;
  /** What a reader who can't see it should know. */
  readonly description: string;
  readonly panels: readonly Panel[];
  readonly columns: number;
  readonly legend: readonly { readonly label: string; readonly style: Style; readonly sample: Sample }[];
  readonly x: Axis;
  readonly y: Axis;
  readonly xLabel: string;
  readonly yLabel: string;
}

/** Of a panel's plane, and of what is around it; pixels. */
const PLANE = { width: 168, height: 132 };
const GAP = { x: 20, y: 28 };
/** Of another line of a panel's title. */
const TITLE_LINE = 12;
const MARGIN = { left: 52, right: 16, bottom: 46 };
const LINE = 18;

export function panelsFile(file: PanelsFile): string {
  const { title, description, panels, columns, legend, xLabel, yLabel } = file;
  const rows = Math.ceil(panels.length / columns);
  const width = MARGIN.left + columns * PLANE.width + (columns - 1) * GAP.x + MARGIN.right;
  const keys = flowed(legend, width - 2 * 12);
  const top = 12 + keys.height + LINE;
  const titles = panels.map(({ title }) => titleLines(title));
  const gapY = GAP.y + TITLE_LINE * (Math.max(...titles.map((lines) => lines.length)) - 1);
  const height = top + rows * (gapY + PLANE.height) + MARGIN.bottom;
  const drawn = panels.map(({ lines }, i) => {
    const [column, row] = [i % columns, Math.floor(i / columns)];
    const sides = { left: column === 0, bottom: i + columns >= panels.length };
    const [x, y] = [MARGIN.left + column * (PLANE.width + GAP.x), top + row * (PLANE.height + gapY)];
    // The plot brings its own margins.
    const at = `translate(${x - MARGIN.left} ${y})`;
    const panel = { title: titles[i].join("\n"), lines, gapY };
    return `<g transform="${at}">${draw(panelPlot(panel, sides, file)).body}</g>`;
  });
  const label = (text: string, x: number, y: number) =>
    `<text x="${x}" y="${y}" text-anchor="start" fill="var(--muted)">${escapeHtml(text)}</text>`;
  return resolved(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" ` +
      `font-family="system-ui, sans-serif" font-size="11" fill="var(--ink)" text-anchor="middle">` +
      `<title>${escapeHtml(title)}</title><desc>${escapeHtml(description)}</desc>` +
      `<rect width="${width}" height="${height}" fill="var(--card)"/>` +
      [
        ...keys.items,
        label(yLabel, 12, top + 4),
        ...drawn,
        label(xLabel, MARGIN.left, height - 12),
      ].join("\n") + "</svg>\n",
  );
}

function panelPlot(
  { title, lines, gapY }: Panel & { readonly gapY: number },
  sides: { readonly left: boolean; readonly bottom: boolean },
  { x, y }: Pick<PanelsFile, "x" | "y">,
): Plot.PlotOptions {
  const marginBottom = MARGIN.bottom;
  return {
    width: MARGIN.left + PLANE.width + MARGIN.right,
    height: gapY + PLANE.height + marginBottom,
    marginTop: gapY,
    marginBottom,
    marginLeft: MARGIN.left,
    marginRight: MARGIN.right,
    x: { type: x.type, domain: x.domain, axis: null },
    y: { type: y.type, domain: y.domain, axis: null },
    marks: [
      Plot.gridX([...x.ticks], { stroke: "var(--grid)", strokeOpacity: 1 }),
      Plot.gridY([...y.ticks], { stroke: "var(--grid)", strokeOpacity: 1 }),
      ...sides.bottom ? [Plot.axisX([...x.ticks], { text: x.ticks.map(x.format), tickSize: 3, label: null })] : [],
      ...sides.left
        ? [Plot.axisY([...y.ticks], { text: y.ticks.map(y.format), tickSize: 0, tickPadding: 6, label: null })]
        : [],
      Plot.text([title], { frameAnchor: "top", lineAnchor: "bottom", dy: -5 }),
      ...lines.flatMap((line) => lineMarks(line, y)),
    ],
  };
}

function lineMarks({ points, style, as }: PanelLine, { domain }: Axis): Plot.Markish[] {
  const [low, high] = [Math.min(...domain), Math.max(...domain)];
  if (as === "background") {
    // A line of one point is invisible.
    if (points.length === 1) return [Plot.dot(points, { x: "x", y: "y", r: 1.5, fill: style.color })];
    return [Plot.line(points, { x: "x", y: "y", ...lineStyle(style), strokeWidth: style.dash ? 1.25 : 0.75 })];
  }
  const spread = points.filter(({ deviation }) => deviation !== undefined);
  return [
    Plot.link(spread, {
      x1: "x",
      x2: "x",
      y1: ({ y, deviation }: SpreadPoint) => Math.max(low, y - deviation!),
      y2: ({ y, deviation }: SpreadPoint) => Math.min(high, y + deviation!),
      stroke: style.color,
      strokeWidth: 1.25,
    }),
    Plot.line(points, { x: "x", y: "y", ...lineStyle(style) }),
    Plot.dot(points, { x: "x", y: "y", ...dotStyle(style), r: 3 }),
  ];
}

/** One line, or two where one would run into the neighbour's: the second begins behind the last comma. */
export function titleLines(title: string): string[] {
  const comma = title.lastIndexOf(", ");
  if (title.length * CHARACTER <= PLANE.width || comma < 0) return [title];
  return [title.slice(0, comma + 1), title.slice(comma + 2)];
}

/** The legend's entries from left to right, in as many lines as they take. */
function flowed(legend: PanelsFile["legend"], room: number): { readonly items: string[]; readonly height: number } {
  const [before, after] = [34, 20];
  let [x, line] = [0, 0];
  const items = legend.map(({ label, style, sample }) => {
    const wide = before + label.length * CHARACTER + after;
    if (x > 0 && x + wide > room) [x, line] = [0, line + 1];
    const at = `translate(${12 + x} ${12 + line * LINE})`;
    x += wide;
    return `<g transform="${at}">${swatch(style, sample).html}` +
      `<text x="${before}" y="10" text-anchor="start">${escapeHtml(label)}</text></g>`;
  });
  return { items, height: (line + 1) * LINE };
}

/** Variables of the report's page that stand for colours, as it has them in daylight: a picture in a document has no page. */
function resolved(svg: string): string {
  const light = /:root \{([^}]*)\}/.exec(style)![1];
  const colours = new Map(Array.from(light.matchAll(/(--[\w-]+): (#\w+);/g), ([, name, colour]) => [name, colour]));
  return svg.replace(/var\((--[\w-]+)\)/g, (_, name) => colours.get(name)!);
}
