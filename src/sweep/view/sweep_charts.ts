/** The charts of a sweep's page. Every dot and line has the trial's id and numbers as its title. */
import { scatter } from "../../report/charts/scatter.ts";
import { legend, type Style, STYLES } from "../../report/charts/styles.ts";
import { drawn } from "../../report/charts/svg.ts";
import { figure } from "../../report/figures/frame.ts";
import { type Html, markup } from "../../report/markup.ts";
import type { Objective } from "../objective.ts";
import { axisOf, frontSteps, placed } from "./axes.ts";
import { choiceWords, metricText } from "./metric_words.ts";
import type { Overview, ShownTrial } from "./overview.ts";

const FRONT: Style = { ...STYLES[0], dash: undefined };
const OTHER: Style = { color: "var(--s3)", symbol: "circle", hollow: true };
const BROKEN: Style = { color: "var(--s2)", symbol: "cross" };
/** Lines lie over each other. */
const LINE: Style = { ...OTHER, color: "color-mix(in srgb, var(--s3) 55%, transparent)" };
const STOPPED: Style = { color: "var(--faint)", symbol: "circle", hollow: true };

/** A chart takes about 150 bytes a dot at each of two widths. */
const MOST_DOTS = 1000;
const MOST_LINES = 200;

/** Undefined where fewer than two done trials have both numbers. */
export function costFigure(overview: Overview, cost: Objective): Html | undefined {
  const { worth } = overview;
  const { shown: all, below } = placed(overview, cost);
  if (all.length < 2) return undefined;
  const shown = firstOnes(all, MOST_DOTS);
  const steps = frontSteps(overview, cost, all);
  const of = (wanted: (trial: ShownTrial) => boolean) => shown.filter(wanted).map((trial) => dotOf(trial, worth, cost));
  const front = of(({ front }) => front);
  const others = of(({ front, keepsBounds }) => !front && keepsBounds);
  const broken = of(({ keepsBounds }) => !keepsBounds);
  const left = [
    ...below > 0 ? [`${below} far below`] : [],
    ...all.length > shown.length ? [`${all.length - shown.length} behind the front`] : [],
  ];
  const title = `${capital(worth.metric)} against ${cost.metric}`;
  return figure(
    title,
    markup`<p>${left.length > 0 ? `Not drawn, but in the table: ${left.join(", and ")}.` : ""}</p>${
      legend([
        { label: "front", style: FRONT, sample: "line and dot" },
        ...others.length > 0 ? [{ label: "other trials", style: OTHER, sample: "dot" } as const] : [],
        ...broken.length > 0 ? [{ label: "beyond a bound", style: BROKEN, sample: "dot" } as const] : [],
      ])
    }`,
    drawn(
      { id: `against-${cost.metric}`, title, description: stepWords(overview, cost, steps) },
      (width) =>
        scatter(width, {
          clouds: [
            { points: steps, style: FRONT, joined: "steps", dots: "none" },
            { points: broken, style: BROKEN },
            { points: others, style: OTHER },
            { points: front, style: FRONT },
          ],
          x: axisOf(cost.metric, all.map(({ metrics }) => metrics[cost.metric]), width / 80),
          y: axisOf(worth.metric, all.map(({ metrics }) => metrics[worth.metric]), 7),
          xLabel: cost.metric,
          yLabel: worth.metric,
        }),
    ),
  );
}

/** How trials came along, rung by rung; undefined where all were trained in one go. */
export function rungsFigure({ trials, worth }: Overview): Html | undefined {
  const all = trials.filter(({ trial }) => trial.rungs.some(({ metrics }) => Number.isFinite(metrics[worth.metric])));
  if (!all.some(({ trial }) => trial.rungs.length > 1)) return undefined;
  const shown = firstOnes(all, MOST_LINES);
  const rungsOf = ({ trial }: ShownTrial) =>
    trial.rungs.filter(({ metrics }) => Number.isFinite(metrics[worth.metric]));
  const clouds = shown.toSorted((a, b) => rankOf(b) - rankOf(a)).map((own) => ({
    points: rungsOf(own).map(({ epochs, metrics }) => ({
      x: epochs,
      y: metrics[worth.metric],
      title: `${own.trial.id}: ${epochs} epochs, ${worth.metric} ${metricText(worth.metric, metrics[worth.metric])}`,
    })),
    style: own.front ? FRONT : own.trial.state === "stopped" ? STOPPED : LINE,
    joined: true as const,
  }));
  const points = clouds.flatMap(({ points }) => points);
  const title = `${capital(worth.metric)} by rungs`;
  const stopped = trials.filter(({ trial }) => trial.state === "stopped").length;
  return figure(
    title,
    markup`<p>${
      all.length > shown.length ? `${shown.length} of ${all.length} trials. ` : ""
    }A line ends where its trial was stopped: ${stopped} of ${trials.length}.</p>${
      legend([
        { label: "on the front", style: FRONT, sample: "line and dot" },
        { label: "other trials", style: LINE, sample: "line and dot" },
        ...stopped > 0 ? [{ label: "stopped", style: STOPPED, sample: "line and dot" } as const] : [],
      ])
    }`,
    drawn(
      { id: "rungs", title, description: `${all.length} trials, ${stopped} of them stopped.` },
      (width) =>
        scatter(width, {
          clouds,
          x: axisOf("epochs", points.map(({ x }) => x), width / 60),
          y: axisOf(worth.metric, points.map(({ y }) => y), 7),
          xLabel: "training epochs",
          yLabel: worth.metric,
        }),
    ),
  );
}

/** "00012: accuracy 98.12 %, ms 1.20 ms; criterion l2, keep 0.5, seed 3". A page's script finds the trial by it. */
function dotOf({ trial, metrics }: ShownTrial, worth: Objective, cost: Objective) {
  const numbers = [worth, cost].map(({ metric }) => `${metric} ${metricText(metric, metrics[metric])}`);
  return {
    x: metrics[cost.metric],
    y: metrics[worth.metric],
    title: `${trial.id}: ${numbers.join(", ")}; ${choiceWords(trial)}`,
  };
}

function stepWords({ worth }: Overview, cost: Objective, steps: readonly { readonly x: number; readonly y: number }[]) {
  const words = steps.map(({ x, y }) => `${metricText(worth.metric, y)} at ${metricText(cost.metric, x)}`);
  return words.length === 0 ? "No trial keeps the bounds." : `Front: ${words.join(", ")}.`;
}

function rankOf({ front, trial }: ShownTrial): number {
  return front ? 0 : trial.state === "done" ? 1 : 2;
}

/** Those of the front, then those that are done, then the others. */
export function firstOnes(trials: readonly ShownTrial[], count: number): readonly ShownTrial[] {
  return trials.length <= count ? trials : trials.toSorted((a, b) => rankOf(a) - rankOf(b)).slice(0, count);
}

export function capital(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}
