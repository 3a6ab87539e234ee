import { bars, rows } from "../charts/rows.ts";
import { amountAxis } from "../charts/scale.ts";
import { legend, type Style, STYLES } from "../charts/styles.ts";
import { drawn } from "../charts/svg.ts";
import type { Layer } from "../detail.ts";
import type { Html } from "../markup.ts";
import { figure, pairs } from "./frame.ts";

const [FIRST] = STYLES;

/** Filters or neurons of each layer, before and after; a merged layer has no width of its own. */
export function widthsFigure(all: readonly Layer[]): Html {
  const layers = all.filter(({ merged }) => merged === undefined);
  const names = layers.map(({ name }) => name);
  const before = layers.map((layer) => layer.before);
  const after = layers.map((layer) => layer.after);
  const outline: Style = { color: "var(--muted)", symbol: "square", hollow: true };
  const notes = layers.map((layer) => `${layer.after} of ${layer.before}`);
  const caption = {
    id: "widths",
    title: "Width of each layer",
    description: `Filters or neurons kept: ${pairs(names, notes)}.`,
  };
  return figure(
    caption.title,
    legend([{ label: "before", style: outline, sample: "bar" }, { label: "after", style: FIRST, sample: "bar" }]),
    drawn(caption, (width) =>
      rows(width, {
        names,
        notes,
        axis: amountAxis(Math.max(...before, ...after), width / 70),
        axisLabel: "filters or neurons",
        rowHeight: layers.length > 30 ? 17 : 22,
        marks: [bars(after, FIRST, 0.66), bars(before, outline, 0.66)],
      })),
  );
}
