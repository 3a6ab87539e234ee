/** Charts of named rows from top to bottom: names stay level and whole on the narrowest phone. */
import * as Plot from "@observablehq/plot";
import type { Axis } from "./scale.ts";
import { dotStyle, lineStyle, type Style } from "./styles.ts";
import { CHARACTER, shorten } from "./svg.ts";

export interface RowsOptions {
  readonly names: readonly string[];
  /** Written at the right end of each row. */
  readonly notes: readonly string[];
  /** Heading of the notes. */
  readonly noteLabel?: string;
  /** Written over the whole width of a row, in place of its name; undefined: a row with a name. */
  readonly headings?: readonly (string | undefined)[];
  readonly axis: Axis;
  readonly axisLabel: string;
  readonly rowHeight?: number;
  readonly marks: readonly Plot.Markish[];
}

/** Row i lies at y = i; marks are drawn over the grid. */
export function rows(width: number, options: RowsOptions): Plot.PlotOptions {
  const { names, notes, noteLabel, headings = [], axis, axisLabel, rowHeight = 24, marks } = options;
  const longest = Math.max(0, ...names.map((name) => name.length));
  const most = Math.floor(width * 0.34 / CHARACTER);
  const room = Math.min(longest, most);
  const noteRoom = Math.max(noteLabel?.length ?? 0, ...notes.map((note) => note.length)) * CHARACTER;
  const top = noteLabel ? 22 : 8;
  const marginBottom = 38;
  const indices = names.map((_, i) => i);
  const marginLeft = room * CHARACTER + 12;
  return {
    width,
    height: top + names.length * rowHeight + marginBottom,
    marginTop: top,
    marginBottom,
    marginLeft,
    marginRight: noteRoom + 10,
    x: { type: axis.type, domain: axis.domain, label: null },
    y: { type: "linear", domain: [names.length - 0.5, -0.5], label: null },
    marks: [
      Plot.gridX([...axis.ticks], { stroke: "var(--grid)", strokeOpacity: 1 }),
      Plot.axisX([...axis.ticks], { text: axis.ticks.map(axis.format), tickSize: 3, label: null }),
      Plot.text([axisLabel], { frameAnchor: "bottom", dy: 34, fill: "var(--muted)" }),
      Plot.axisY(indices, { text: names.map((name) => shorten(name, most)), tickSize: 0, tickPadding: 8, label: null }),
      ...marks,
      ...headings.some((heading) => heading !== undefined)
        ? [Plot.text(headings, {
          y: headings.map((_, i) => i),
          text: headings.map((heading) => heading && shorten(heading, Math.floor((width - noteRoom) / CHARACTER))),
          frameAnchor: "left",
          textAnchor: "start",
          dx: 2 - marginLeft,
          fontWeight: 600,
        })]
        : [],
      Plot.text(notes, {
        y: indices,
        text: notes,
        frameAnchor: "right",
        textAnchor: "end",
        dx: noteRoom + 8,
        fontVariant: "tabular-nums",
      }),
      ...(noteLabel
        ? [Plot.text([noteLabel], {
          frameAnchor: "top-right",
          textAnchor: "end",
          dx: noteRoom + 8,
          dy: -16,
          fill: "var(--muted)",
        })]
        : []),
    ],
  };
}

/** A dot per row that has a value, and a line that joins them where the rows are steps of one way. */
export function dots(values: readonly (number | undefined)[], style: Style, shape: "dots" | "path"): Plot.Markish[] {
  const data = values.flatMap((value, i) =>
    value === undefined || !Number.isFinite(value) ? [] : [[value, i] as const]
  );
  const path = Plot.line(data, { ...lineStyle(style), strokeOpacity: 0.55 });
  const dot = Plot.dot(data, dotStyle(style));
  return shape === "path" ? [path, dot] : [dot];
}

/** A bar per row from 0 to its value, `height` of a row thick. */
export function bars(values: readonly number[], style: Style, height: number): Plot.Markish {
  return Plot.rect(values.map((value, i) => ({ value, i })), {
    x1: 0,
    x2: "value",
    y1: ({ i }: { i: number }) => i - height / 2,
    y2: ({ i }: { i: number }) => i + height / 2,
    fill: style.hollow ? "none" : style.color,
    stroke: style.color,
    rx: 1,
  });
}
