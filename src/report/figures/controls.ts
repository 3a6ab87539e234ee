/** What other methods reach. */
import * as Plot from "@observablehq/plot";
import { dots, rows } from "../charts/rows.ts";
import { percentAxis } from "../charts/scale.ts";
import { legend, SECOND, STYLES } from "../charts/styles.ts";
import { drawn } from "../charts/svg.ts";
import { accuracyOf } from "../build.ts";
import { percent } from "../format.ts";
import { type Html, markup } from "../markup.ts";
import type { Point, Report } from "../types.ts";
import { figure, pairs } from "./frame.ts";

const [FIRST] = STYLES;

export function controlsFigure({ final, baseline, best, controls, depth }: Report): Html | undefined {
  const named: [string, Point | undefined][] = [
    ["dense baseline", baseline],
    ["ours", final],
    ["ours, best epoch", best],
    ...Object.entries(controls),
  ];
  const contest = named.filter((entry): entry is [string, Point] => entry[1] !== undefined);
  if (Object.keys(controls).length === 0) return undefined;
  const names = contest.map(([name]) => name);
  const test = contest.map(([, point]) => accuracyOf(point).test);
  const validation = contest.map(([, point]) => accuracyOf(point).validation);
  const what = depth ? "The same blocks changed in simpler ways" : "As many groups left in each layer";
  const caption = {
    id: "controls",
    title: "Against the controls",
    description: `Test accuracy. ${what}: ${pairs(names, test.map((a) => percent(a)))}.`,
  };
  return figure(
    caption.title,
    markup`<p>${what}, trained as the recipe says. The dashed line is the pruned network's test accuracy.</p>
${legend([{ label: "test", style: FIRST, sample: "dot" }, { label: "validation", style: SECOND, sample: "dot" }])}`,
    drawn(caption, (width) =>
      rows(width, {
        names,
        notes: test.map((a) => percent(a)),
        noteLabel: "test",
        axis: percentAxis([...test, ...validation], width / 70),
        axisLabel: "accuracy",
        marks: [
          Plot.ruleX([accuracyOf(final).test], { stroke: FIRST.color, strokeDasharray: "3,3", strokeOpacity: 0.7 }),
          ...dots(validation, SECOND, "dots"),
          ...dots(test, FIRST, "dots"),
        ],
      })),
  );
}
