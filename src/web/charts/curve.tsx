/** A value over the run, with marks where its stages begin. */
import type { Curves, Sample } from "../state/training.ts";

export interface CurveProps {
  readonly title: string;
  readonly samples: readonly Sample[];
  readonly stages: Curves["stages"];
  readonly format: (value: number) => string;
}

const WIDTH = 320;
const HEIGHT = 110;
const TOP = 6;
const BOTTOM = 14;

export function Curve({ title, samples, stages, format }: CurveProps) {
  if (samples.length < 2) return null;
  const values = samples.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [samples[0].at, samples[samples.length - 1].at];
  const x = (at: number) => WIDTH * (at - first) / Math.max(1, last - first);
  const y = (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / Math.max(1e-9, high - low);
  return (
    <figure class="curve">
      <figcaption>{title}: {format(values[values.length - 1])} now, from {format(low)} to {format(high)}</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
        {stages.filter(({ at }) => at >= first).map(({ at, name }) => (
          <g key={`${at}${name}`}>
            <line class="grid" x1={x(at)} x2={x(at)} y1={0} y2={HEIGHT - BOTTOM} />
            <text x={x(at) + 2} y={HEIGHT - 3}>{name.split(" ")[0]}</text>
          </g>
        ))}
        <polyline points={samples.map(({ at, value }) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ")} />
      </svg>
    </figure>
  );
}
