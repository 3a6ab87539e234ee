import { bars, rows } from "../../src/report/charts/rows.ts";
import { amountAxis } from "../../src/report/charts/scale.ts";
import { STYLES } from "../../src/report/charts/styles.ts";
import { drawn } from "../../src/report/charts/svg.ts";
import { figure, pairs } from "../../src/report/figures/frame.ts";
import { milliSpread, times } from "../../src/report/format.ts";
import { type Html, markup } from "../../src/report/markup.ts";
import type { Contest } from "../contest.ts";

/** The contestants of one contest side by side. */
export function contestFigure(id: string, { title, ranks, missing, goals = [] }: Contest): Html {
  const names = ranks.map(({ name }) => name);
  const spreads = ranks.map(({ medianMs, madMs }) => milliSpread(medianMs, madMs));
  const lines = [
    ...goals,
    ...missing.map(({ name, version, reason }) => `${name} ${version} did not run: ${reason}`),
  ];
  return figure(
    title,
    markup`${lines.map((line) => markup`<p>${line}</p>`)}`,
    ...(ranks.length === 0 ? [] : [
      drawn(
        { id: `contest-${id}`, title, description: `Median and MAD: ${pairs(names, spreads)}.` },
        (width) =>
          rows(width, {
            names,
            notes: ranks.map(({ ratio }) => times(ratio)),
            noteLabel: "ratio",
            axis: amountAxis(Math.max(...ranks.map(({ medianMs }) => medianMs)), width / 90),
            axisLabel: "ms",
            marks: [bars(ranks.map(({ medianMs }) => medianMs), STYLES[0], 0.6)],
          }),
      ),
    ]),
  );
}
