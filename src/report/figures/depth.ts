/** What depth pruning did: the blocks before and after, and what the search among their forms looked at. */
import { bars, rows } from "../charts/rows.ts";
import { amountAxis, type Axis, percentAxis, spanAxis } from "../charts/scale.ts";
import { scatter } from "../charts/scatter.ts";
import { legend, type Style, STYLES } from "../charts/styles.ts";
import { drawn } from "../charts/svg.ts";
import { count, percent, plain, short } from "../format.ts";
import { type Html, markup } from "../markup.ts";
import type { DepthRecord, DepthSearch } from "../types.ts";
import { figure, pairs } from "./frame.ts";

const [FIRST, SECOND] = STYLES;

export function blocksFigure({ blocks }: DepthRecord): Html {
  const names = blocks.map(({ name }) => name);
  const forms = blocks.map(({ form }) => form);
  const [before, after] = (["before", "after"] as const).map((when) => blocks.map(({ macs }) => macs[when]));
  const outline: Style = { color: "var(--muted)", symbol: "square", hollow: true };
  const caption = {
    id: "blocks",
    title: "Blocks before and after",
    description: `Form of each block: ${pairs(names, forms)}.`,
  };
  const replaced = forms.filter((form) => form !== "keep").length;
  return figure(
    caption.title,
    markup`<p>${count(replaced)} of ${count(blocks.length)} blocks changed; what became of each stands at the right.</p>
${legend([{ label: "before", style: outline, sample: "bar" }, { label: "after", style: FIRST, sample: "bar" }])}`,
    drawn(caption, (width) =>
      rows(width, {
        names,
        notes: forms,
        noteLabel: "form",
        axis: amountAxis(Math.max(...before, ...after), width / 70),
        axisLabel: "MACs for one input",
        rowHeight: blocks.length > 30 ? 17 : 22,
        marks: [bars(after, FIRST, 0.66), bars(before, outline, 0.66)],
      })),
  );
}

/** What the axis of costs is called, and how a cost is written. */
const COSTS: Readonly<Record<DepthSearch["cost"], { readonly label: string; write(cost: number): string }>> = {
  blocks: { label: "blocks that stay", write: count },
  macs: { label: "MACs for one input", write: short },
  params: { label: "parameters", write: short },
  ms: { label: "ms by the device's table", write: (cost) => `${plain(cost)} ms` },
};

const VALUES: Readonly<
  Record<
    DepthSearch["value"],
    { readonly label: string; axis(values: readonly number[]): Axis; write(value: number): string }
  >
> = {
  accuracy: { label: "validation accuracy", axis: percentAxis, write: percent },
  score: { label: "sum of the blocks' scores", axis: spanAxis, write: plain },
};

export function searchFigure({ method, value, cost, candidates, pareto, chosen }: DepthSearch): Html {
  const place = (i: number) => ({ x: candidates[i].cost, y: candidates[i].value });
  const all = candidates.map((_, i) => place(i));
  const { label: xLabel, write: writeCost } = COSTS[cost];
  const { label: yLabel, axis, write } = VALUES[value];
  const crowd: Style = { color: "var(--faint)", symbol: "circle" };
  const best = candidates[chosen];
  const caption = {
    id: "search",
    title: "Search",
    description: `${count(all.length)} candidates (${method}); the run went on with one of ${
      writeCost(best.cost)
    } and ${write(best.value)}.`,
  };
  return figure(
    caption.title,
    markup`<p>${
      count(all.length)
    } candidates, ${method}. No other one is both cheaper and better than one of the front.</p>
${
      legend([
        { label: "candidate", style: crowd, sample: "dot" },
        { label: "Pareto front", style: FIRST, sample: "line and dot" },
        { label: "chosen", style: SECOND, sample: "dot" },
      ])
    }`,
    drawn(caption, (width) =>
      scatter(width, {
        clouds: [
          { points: all, style: crowd },
          { points: pareto.map(place), style: FIRST, joined: true },
          { points: [place(chosen)], style: { ...SECOND, dash: undefined } },
        ],
        x: { ...spanAxis(all.map(({ x }) => x), width / 80), format: writeCost },
        y: axis(all.map(({ y }) => y)),
        xLabel,
        yLabel,
      })),
  );
}
