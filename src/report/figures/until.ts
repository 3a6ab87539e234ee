/** How far a network was pruned until a floor of accuracy was met, try by try. */
import { percentAxis, spanAxis } from "../charts/scale.ts";
import { scatter } from "../charts/scatter.ts";
import { legend, type Style, STYLES } from "../charts/styles.ts";
import { drawn } from "../charts/svg.ts";
import { count, percent } from "../format.ts";
import { type Html, markup } from "../markup.ts";
import type { UntilRecord } from "../types.ts";
import { figure } from "./frame.ts";

const [FIRST, SECOND] = STYLES;
const COSTS = { macs: "MACs", params: "parameters" } as const;

export function untilFigure({ stage, of, floor, attempts }: UntilRecord): Html | undefined {
  const measured = attempts.flatMap(({ asked, accuracy, kept }) =>
    accuracy === undefined ? [] : [{ x: asked, y: accuracy, kept }]
  );
  if (measured.length === 0) return undefined;
  const out = attempts.length - measured.length;
  const held = measured.filter(({ kept }) => kept);
  const last = held.at(-1);
  const xs = measured.map(({ x }) => x);
  const line: Style = { color: "var(--faint)", symbol: "circle", dash: "3,3" };
  const caption = {
    id: `until-${stage}`,
    title: "Pruned until the floor",
    description: `${count(attempts.length)} networks tried at a floor of ${percent(floor)} validation accuracy; ` +
      (last ? `the smallest that held has ${percent(last.x)} of the ${COSTS[of]}.` : "none held."),
  };
  return figure(
    caption.title,
    markup`<p>Validation accuracy after retraining, by what of the dense network's ${COSTS[of]} was asked to stay; ${
      last
        ? markup`the run went on with ${percent(last.x)} of them`
        : markup`none held the floor, and nothing was pruned`
    }${out > 0 ? `; ${count(out)} more couldn't be reached by what the constraints leave` : ""}.</p>
${
      legend([
        { label: "held", style: FIRST, sample: "line and dot" },
        { label: "taken back", style: SECOND, sample: "dot" },
        { label: `floor, ${percent(floor)}`, style: line, sample: "line" },
      ])
    }`,
    drawn(caption, (width) =>
      scatter(width, {
        clouds: [
          { points: [{ x: Math.min(...xs), y: floor }, { x: Math.max(...xs), y: floor }], style: line, joined: true },
          { points: measured.filter(({ kept }) => !kept), style: { ...SECOND, dash: undefined } },
          { points: held, style: FIRST, joined: true },
        ],
        x: { ...spanAxis(xs, width / 80), format: percent },
        y: percentAxis([floor, ...measured.map(({ y }) => y)]),
        xLabel: `asked of the ${COSTS[of]}`,
        yLabel: "validation accuracy",
      })),
  );
}
