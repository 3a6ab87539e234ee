/** A value over the run's time, with axes, and with marks where its stages begin. */
import { amountAxis, type Axis } from "../../report/charts/scale.ts";
import type { Curves, Sample } from "../state/training_curves.ts";
import { solid } from "../format.ts";
import { placeLabels } from "./label_rows.ts";
import { place } from "./place.ts";

export interface CurveProps {
  readonly title: string;
  readonly samples: readonly Sample[];
  readonly stages: Curves["stages"];
  readonly axis: (values: readonly number[]) => Axis;
  readonly format: (value: number) => string;
}

const WIDTH = 320;
const ROWS = 3;
const ROW = 12;
/** Of the labels' letters, on average and a little more. */
const CHARACTER = 5.4;
const PLOT = { left: 40, right: WIDTH - 8, top: ROWS * ROW + 4, bottom: ROWS * ROW + 104 };
const HEIGHT = PLOT.bottom + 28;

export function Curve({ title, samples, stages, axis, format }: CurveProps) {
  if (samples.length < 2) return null;
  const values = samples.map(({ value }) => value);
  const ends = Math.max(...samples.map(({ at }) => at), ...stages.map(({ at }) => at));
  const along = amountAxis(ends, 6), up = axis(values);
  const x = place(along, PLOT.left, PLOT.right), y = place(up, PLOT.bottom, PLOT.top);
  const labels = placeLabels(stages.map(({ name, at }) => ({ text: name, x: x(at) + 2 })), {
    width: WIDTH,
    rows: ROWS,
    characterWidth: CHARACTER,
  });
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return (
    <figure class="curve">
      <figcaption>{title}: {format(values[values.length - 1])} now, from {format(low)} to {format(high)}</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
        {up.ticks.map((tick) => (
          <g key={`up ${tick}`}>
            <line class="grid" x1={PLOT.left} x2={PLOT.right} y1={y(tick)} y2={y(tick)} />
            <text x={PLOT.left - 4} y={y(tick) + 3} text-anchor="end">{solid(up.format(tick))}</text>
          </g>
        ))}
        {along.ticks.map((tick) => (
          <text key={`along ${tick}`} x={x(tick)} y={PLOT.bottom + 12} text-anchor="middle">{along.format(tick)}</text>
        ))}
        <text x={(PLOT.left + PLOT.right) / 2} y={HEIGHT - 4} text-anchor="middle">seconds</text>
        {stages.map(({ at, name }) => (
          <line key={`${at} ${name}`} class="stage" x1={x(at)} x2={x(at)} y1={PLOT.top - 4} y2={PLOT.bottom} />
        ))}
        {labels.map(({ text, x, row }) => <text key={`${x} ${text}`} x={x} y={(row + 1) * ROW - 2}>{text}</text>)}
        <path class="axis" d={`M${PLOT.left},${PLOT.top}V${PLOT.bottom}H${PLOT.right}`} />
        <polyline points={samples.map(({ at, value }) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ")} />
      </svg>
    </figure>
  );
}
