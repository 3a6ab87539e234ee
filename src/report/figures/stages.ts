/** How accuracy and size went from stage to stage, and what other methods reach. */
import * as Plot from "@observablehq/plot";
import { dots, rows } from "../charts/rows.ts";
import { logAxis, percentAxis } from "../charts/scale.ts";
import { legend, SECOND, STYLES } from "../charts/styles.ts";
import { drawn } from "../charts/svg.ts";
import { accuracyOf } from "../build.ts";
import { count, percent, short } from "../format.ts";
import { type Html, markup } from "../markup.ts";
import type { Point, Report } from "../types.ts";
import { figure, pairs } from "./frame.ts";

const [FIRST] = STYLES;

export function accuracyFigure(way: readonly Point[]): Html {
  const names = way.map(({ name }) => name);
  const test = way.map((point) => accuracyOf(point).test);
  const validation = way.map((point) => accuracyOf(point).validation);
  const caption = {
    id: "accuracy",
    title: "Accuracy after each stage",
    description: `Test accuracy: ${pairs(names, test.map((a) => percent(a)))}.`,
  };
  return figure(
    caption.title,
    legend([{ label: "test", style: FIRST, sample: "line and dot" }, {
      label: "validation",
      style: SECOND,
      sample: "line and dot",
    }]),
    drawn(caption, (width) =>
      rows(width, {
        names,
        notes: test.map((a) => percent(a)),
        noteLabel: "test",
        axis: percentAxis([...test, ...validation], width / 70),
        axisLabel: "accuracy",
        marks: [...dots(validation, SECOND, "path"), ...dots(test, FIRST, "path")],
      })),
  );
}

/** Where the images have no labels: how near the outputs are to the dense network's. */
export function agreementFigure(way: readonly Point[]): Html | undefined {
  const same = way.map(({ agreement }) => agreement?.sameClass);
  const known = same.filter((part) => part !== undefined);
  if (known.length < way.length) return undefined;
  const names = way.map(({ name }) => name);
  const caption = {
    id: "agreement",
    title: "Agreement with the dense network after each stage",
    description: `Images that get the dense network's class: ${pairs(names, known.map((part) => percent(part)))}.`,
  };
  return figure(
    caption.title,
    markup`<p>The part of the held-out images that get the dense network's class; nobody has said which is right.</p>`,
    drawn(caption, (width) =>
      rows(width, {
        names,
        notes: known.map((part) => percent(part)),
        noteLabel: "same class",
        axis: percentAxis(known, width / 70),
        axisLabel: "same class",
        marks: dots(known, FIRST, "path"),
      })),
  );
}

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

export function sizeFigure(way: readonly Point[]): Html {
  const names = way.map(({ name }) => name);
  const stored = way.map(({ params }) => params);
  const nonzero = way.map(({ nonzero }) => nonzero > 0 ? nonzero : undefined);
  const caption = {
    id: "size",
    title: "Parameters after each stage",
    description: `Stored parameters: ${pairs(names, stored.map(count))}.`,
  };
  return figure(
    caption.title,
    legend([{ label: "stored", style: FIRST, sample: "line and dot" }, {
      label: "not zero",
      style: SECOND,
      sample: "line and dot",
    }]),
    drawn(caption, (width) =>
      rows(width, {
        names,
        notes: stored.map(short),
        noteLabel: "stored",
        axis: logAxis([...stored, ...nonzero.filter((n) => n !== undefined)], width / 70),
        axisLabel: "parameters, logarithmic",
        marks: [...dots(nonzero, SECOND, "path"), ...dots(stored.map(aboveZero), FIRST, "path")],
      })),
  );
}

export function macsFigure(way: readonly Point[]): Html {
  const names = way.map(({ name }) => name);
  const macs = way.map(({ macs }) => macs);
  const caption = {
    id: "macs",
    title: "Work after each stage",
    description: `Multiply-adds for one input: ${pairs(names, macs.map(count))}.`,
  };
  return figure(
    caption.title,
    markup`<p>Multiply-adds (MACs) that the kernels compute for one input.</p>`,
    drawn(caption, (width) =>
      rows(width, {
        names,
        notes: macs.map(short),
        noteLabel: "MACs",
        axis: logAxis(macs, width / 70),
        axisLabel: "MACs, logarithmic",
        marks: dots(macs.map(aboveZero), FIRST, "path"),
      })),
  );
}

const aboveZero = (value: number) => value > 0 ? value : undefined;
