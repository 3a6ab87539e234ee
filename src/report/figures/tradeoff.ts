/** What accuracy cost and what it bought: every network of the run by its size and, where it was timed, by its time. */
import { scatter, type ScatterOptions } from "../charts/scatter.ts";
import { type Axis, logAxis, percentAxis } from "../charts/scale.ts";
import { legend, SECOND, type Style, STYLES } from "../charts/styles.ts";
import { drawn } from "../charts/svg.ts";
import { accuracyOf } from "../build.ts";
import { count, milliseconds, percent, short } from "../format.ts";
import { wilson } from "../interval.ts";
import { type Html, markup } from "../markup.ts";
import type { Point, Report, Variant } from "../types.ts";
import { figure } from "./frame.ts";

const [FIRST, , THIRD, FOURTH] = STYLES;

/** A network at a place of a panel, by the number that the list gives it. */
interface Place {
  readonly number: number;
  readonly x: number;
  readonly y: number;
}

/** What networks are told apart by: their accuracy, or their agreement with the dense one. */
interface Told {
  readonly title: string;
  readonly axis: string;
  /** On so many images; reports of earlier versions don't say it. */
  readonly images: number | undefined;
  of(point: Point): number;
}

/** Undefined where the images have no labels and the network but one output. @param way the run's networks in order */
export function tradeoffFigure(report: Report, way: readonly Point[]): Html | undefined {
  const told = toldBy(report);
  if (!told) return undefined;
  const { title, axis, images } = told;
  const controls = Object.entries(report.controls).map(([name, point]) => ({ ...point, name: `control: ${name}` }));
  const all = [...way, ...controls];
  const values = all.map(told.of);
  const sure = images === undefined ? undefined : values.map((value) => wilson(value, images));
  const y = percentAxis([...values, ...sure?.flatMap(({ low, high }) => [low, high]) ?? []], 7);
  const places = all.map(({ nonzero }, i) => ({ number: i + 1, x: Math.max(1, nonzero), y: values[i] }));
  const [stages, others] = [places.slice(0, way.length), places.slice(way.length)];
  return figure(
    `${title} against size and time`,
    markup`<p>Every network of the run: ${
      all.map(({ name }, i) => markup`${i > 0 ? " · " : ""}<b>${i + 1}</b> ${name}`)
    }.${
      images === undefined
        ? ""
        : ` Bars are 95 % intervals of ${count(images)} images: such a difference as they span, chance makes as well.`
    }</p>
${
      legend([
        { label: "stages, in order", style: FIRST, sample: "line and dot" },
        ...others.length > 0 ? [{ label: "controls", style: SECOND, sample: "dot" } as const] : [],
      ])
    }`,
    panel("tradeoff-size", axis, "numbers that aren't 0, logarithmic", {
      clouds: [
        { points: others, style: SECOND },
        { points: stages, style: FIRST, joined: true },
      ],
      x: logAxis(places.map(({ x }) => x), 5),
      y,
      labels: places,
      whiskers: sure?.map(({ low, high }, i) => ({ x: places[i].x, from: low, to: high })),
    }, all.map(({ name }, i) => `${name} ${short(places[i].x)}, ${percent(values[i])}`).join("; ")),
    timePanel(report, told, y),
  );
}

function toldBy({ final, images }: Report): Told | undefined {
  if (final.accuracy) {
    const of = (point: Point) => accuracyOf(point).test;
    return { title: "Accuracy", axis: "test accuracy", images: images?.test, of };
  }
  if (final.agreement?.sameClass === undefined) return undefined;
  const of = ({ agreement }: Point) => agreement?.sameClass ?? NaN;
  return { title: "Agreement with the dense network", axis: "same class", images: final.agreement.images, of };
}

const FORMS: readonly { readonly variant: Variant; readonly style: Style }[] = [
  { variant: "dense", style: { ...FOURTH, dash: undefined } },
  { variant: "masked", style: { ...THIRD, dash: undefined } },
  { variant: "compact", style: FIRST },
];

/** Each form at the largest batch that was timed: the masked one computes what the compact one does. */
function timePanel({ latency, baseline, final }: Report, told: Told, y: Axis): Html {
  const batch = Math.max(...latency.map(({ batch }) => batch));
  const forms = FORMS.flatMap(({ variant, style }) => {
    const found = latency.find((entry) => entry.variant === variant && entry.batch === batch);
    if (!found) return [];
    return [{ variant, style, place: { x: found.medianMs, y: told.of(variant === "dense" ? baseline : final) } }];
  });
  if (forms.length === 0) return markup``;
  const words = forms.map(({ variant, place }) => `${variant} ${milliseconds(place.x)} ms, ${percent(place.y)}`);
  return markup`${legend(forms.map(({ variant, style }) => ({ label: variant, style, sample: "dot" })))}${
    panel("tradeoff-time", told.axis, `ms at batch ${batch}, logarithmic`, {
      clouds: forms.map(({ style, place }) => ({ points: [place], style })),
      x: logAxis(forms.map(({ place }) => place.x), 5),
      y,
      labels: [],
    }, words.join(", "))
  }`;
}

interface Panel extends Omit<ScatterOptions, "xLabel" | "yLabel" | "labels"> {
  readonly labels: readonly Place[];
}

function panel(id: string, yLabel: string, xLabel: string, { labels, ...options }: Panel, description: string): Html {
  return drawn(
    { id, title: `${yLabel} against ${xLabel.split(",")[0]}`, description },
    (width) =>
      scatter(width, {
        ...options,
        xLabel,
        yLabel,
        labels: grouped(labels, nearOn(width, options)),
      }),
  );
}

/** Pixels that a label takes. */
const LABEL = 34;

/** Whether two places are too near for labels of their own. */
function nearOn(width: number, { x, y }: Pick<ScatterOptions, "x" | "y">): (a: Place, b: Place) => boolean {
  const [low, high] = x.domain.map(Math.log);
  const across = (place: Place) => width * (Math.log(place.x) - low) / (high - low);
  const down = (place: Place) => 160 * (place.y - y.domain[0]) / (y.domain[1] - y.domain[0]);
  return (a, b) => Math.abs(across(a) - across(b)) < LABEL && Math.abs(down(a) - down(b)) < 14;
}

/** One label for places that lie on each other: "1–4, 7". */
export function grouped<P extends Place>(
  places: readonly P[],
  near: (a: P, b: P) => boolean,
): { readonly x: number; readonly y: number; readonly text: string }[] {
  const groups: P[][] = [];
  for (const place of places) {
    const group = groups.find(([first]) => near(first, place));
    if (group) group.push(place);
    else groups.push([place]);
  }
  return groups.map((group) => ({ x: group[0].x, y: group[0].y, text: ranges(group.map(({ number }) => number)) }));
}

/** [1, 2, 3, 5] -> "1–3, 5" */
export function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run && number === run[1] + 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => from === to ? String(from) : to === from + 1 ? `${from}, ${to}` : `${from}–${to}`)
    .join(", ");
}
