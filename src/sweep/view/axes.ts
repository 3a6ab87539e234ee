/** The axes of a sweep's charts, on its page and in the terminal. */
import { type Axis, logAxis, percentAxis, spanAxis } from "../../report/charts/scale.ts";
import { paretoSet } from "../../depth/search/pareto.ts";
import { gain, type Objective } from "../objective.ts";
import { isFraction } from "./metric_words.ts";
import type { Overview, ShownTrial } from "./overview.ts";

/** An axis for the values of a metric: logarithmic where all are above 0 and no fractions. */
export function axisOf(metric: string, values: readonly number[], ticks: number): Axis {
  if (isFraction(metric)) return percentAxis(values, ticks);
  return values.every((value) => value > 0) ? logAxis(values, ticks) : spanAxis(values, ticks);
}

/**
 * Done trials that have both numbers, but for those that lie so far below the front that it would be squeezed to a line:
 * more than twice as far as the front itself reaches.
 */
export function placed(overview: Overview, cost: Objective): { shown: ShownTrial[]; below: number } {
  const { worth, trials } = overview;
  const all = trials.filter(({ trial, metrics }) =>
    trial.state === "done" && Number.isFinite(metrics[worth.metric]) && Number.isFinite(metrics[cost.metric])
  );
  const gains = all.filter(({ front }) => front).map(({ metrics }) => gain(metrics, worth));
  const [low, high] = [Math.min(...gains), Math.max(...gains)];
  if (!(high > low)) return { shown: all, below: 0 };
  const shown = all.filter(({ metrics }) => gain(metrics, worth) >= low - 2 * (high - low));
  return { shown, below: all.length - shown.length };
}

/**
 * The front of one chart: of what keeps the bounds the points that are worth more than everything which costs no more, by
 * rising cost. With more than two objectives it is a part of the sweep's front at most.
 */
export function frontSteps(
  { worth }: Overview,
  cost: Objective,
  shown: readonly ShownTrial[],
): { readonly x: number; readonly y: number }[] {
  const able = shown.filter(({ keepsBounds }) => keepsBounds);
  const points = able.map(({ metrics }) => ({ cost: -gain(metrics, cost), value: gain(metrics, worth) }));
  return paretoSet(points).map((i) => ({ x: able[i].metrics[cost.metric], y: able[i].metrics[worth.metric] }));
}
