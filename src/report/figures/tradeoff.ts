/** What accuracy cost and what it bought: every network of the run by its size and, where it was timed, by its time. */
import { HEIGHT, MARGINS, scatter, type ScatterOptions } from "../charts/scatter.ts";
import { type Axis, logAxis, percentAxis } from "../charts/scale.ts";
import { legend, SECOND, type Style, STYLES } from "../charts/styles.ts";
import { CHARACTER, drawn } from "../charts/svg.ts";
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
        labels: sharedLabels(labels, pixelsOn(width, options)),
      }),
  );
}

/** Where places lie in a chart's plane, in pixels. */
function pixelsOn(width: number, { x, y }: Pick<ScatterOptions, "x" | "y">): (place: Place) => Pixels {
  const across = width - MARGINS.marginLeft - MARGINS.marginRight;
  const down = HEIGHT - MARGINS.marginTop - MARGINS.marginBottom;
  const [low, high] = x.domain.map(Math.log);
  return (place) => ({
    across: across * (Math.log(place.x) - low) / (high - low),
    down: down * (y.domain[1] - place.y) / (y.domain[1] - y.domain[0]),
  });
}

interface Pixels {
  readonly across: number;
  readonly down: number;
}

/** Pixels of a line of a label, and the air between two labels. */
const LINE = 12, AIR = 6;

/** Places whose labels would touch have one together, such as "1–4, 7", over the first of them. */
export function sharedLabels<P extends Place>(
  places: readonly P[],
  pixels: (place: P) => Pixels,
): { readonly x: number; readonly y: number; readonly text: string }[] {
  const groups = places.map((place) => ({ first: place, numbers: [place.number], text: String(place.number) }));
  const touch = ([a, b]: readonly (typeof groups[number])[]) => {
    const [from, to] = [pixels(a.first), pixels(b.first)];
    return Math.abs(from.across - to.across) < (a.text.length + b.text.length) / 2 * CHARACTER + AIR &&
      Math.abs(from.down - to.down) < LINE + AIR;
  };
  const pair = () => groups.flatMap((a, i) => groups.slice(i + 1).map((b) => [a, b])).find(touch);
  // A label that has become longer may touch the next one.
  for (let found = pair(); found; found = pair()) {
    const [into, other] = found;
    into.numbers = [...into.numbers, ...other.numbers].sort((a, b) => a - b);
    into.text = ranges(into.numbers);
    groups.splice(groups.indexOf(other), 1);
  }
  return groups.map(({ first: { x, y }, text }) => ({ x, y, text }));
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
