/** The charts of a report, each with its heading, its legend and words for those who can't see it. */
import { bandsOf, lines, type LinesOptions } from "./charts/lines.ts";
import { bars, dots, rows } from "./charts/rows.ts";
import { amountAxis, type Axis, logAxis, percentAxis } from "./charts/scale.ts";
import { legend, SECOND, type Style, STYLES } from "./charts/styles.ts";
import { drawn } from "./charts/svg.ts";
import type { CurvePoint, Detail, Layer, ResidualPoint } from "./detail.ts";
import { count, milliSpread, percent, plain, short, times } from "./format.ts";
import { type Html, markup } from "./markup.ts";
import * as Plot from "@observablehq/plot";
import type { Latency, Point, Report } from "./types.ts";

const [FIRST, OTHER] = STYLES;
const VARIANTS = ["dense", "masked", "compact"] as const;

/** Every figure for which there are data. */
export function figures(report: Report, detail: Detail): Html[] {
  const way = stagesOf(report);
  return [
    accuracyFigure(way),
    controlsFigure(report),
    sizeFigure(way),
    macsFigure(way),
    detail.layers.length > 0 ? widthsFigure(detail.layers) : undefined,
    detail.residuals.length > 0 ? residualsFigure(detail.residuals) : undefined,
    detail.curves.length > 0 ? trainingFigure(detail.curves) : undefined,
    report.latency.length > 0 ? latencyFigure(report) : undefined,
  ].filter((figure) => figure !== undefined);
}

/** The way from the baseline to the final network; neither is told twice. */
export function stagesOf({ baseline, stages, final }: Report): Point[] {
  const way = stages.some((stage) => same(stage, baseline)) ? [...stages] : [baseline, ...stages];
  return same(way[way.length - 1], final) ? way : [...way, final];
}

/** Whether two points tell the same, whatever they are called. */
function same(a: Point, b: Point): boolean {
  return a.params === b.params && a.macs === b.macs && a.nonzero === b.nonzero && a.bytes === b.bytes &&
    a.accuracy.test === b.accuracy.test && a.accuracy.validation === b.accuracy.validation;
}

function accuracyFigure(way: readonly Point[]): Html {
  const names = way.map(({ name }) => name);
  const test = way.map(({ accuracy }) => accuracy.test);
  const validation = way.map(({ accuracy }) => accuracy.validation);
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
        axis: percentAxis([...test, ...validation], width / 90),
        axisLabel: "accuracy",
        marks: [...dots(validation, SECOND, "path"), ...dots(test, FIRST, "path")],
      })),
  );
}

function controlsFigure({ final, baseline, best, controls }: Report): Html | undefined {
  const named: [string, Point | undefined][] = [
    ["dense baseline", baseline],
    ["ours", final],
    ["ours, best epoch", best],
    ["magnitude", controls.magnitude],
    ["random", controls.random],
    ["scratch", controls.scratch],
  ];
  const contest = named.filter((entry): entry is [string, Point] => entry[1] !== undefined);
  if (!controls.magnitude && !controls.random && !controls.scratch) return undefined;
  const names = contest.map(([name]) => name);
  const test = contest.map(([, { accuracy }]) => accuracy.test);
  const validation = contest.map(([, { accuracy }]) => accuracy.validation);
  const caption = {
    id: "controls",
    title: "Against the controls",
    description: `Test accuracy at the same budget: ${pairs(names, test.map((a) => percent(a)))}.`,
  };
  return figure(
    caption.title,
    markup`<p>Same budget, same retraining. The dashed line is the pruned network's test accuracy.</p>
${legend([{ label: "test", style: FIRST, sample: "dot" }, { label: "validation", style: SECOND, sample: "dot" }])}`,
    drawn(caption, (width) =>
      rows(width, {
        names,
        notes: test.map((a) => percent(a)),
        noteLabel: "test",
        axis: percentAxis([...test, ...validation], width / 90),
        axisLabel: "accuracy",
        marks: [
          Plot.ruleX([final.accuracy.test], { stroke: FIRST.color, strokeDasharray: "3,3", strokeOpacity: 0.7 }),
          ...dots(validation, SECOND, "dots"),
          ...dots(test, FIRST, "dots"),
        ],
      })),
  );
}

function sizeFigure(way: readonly Point[]): Html {
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
        axis: logAxis([...stored, ...nonzero.filter((n) => n !== undefined)], width / 90),
        axisLabel: "parameters, logarithmic",
        marks: [...dots(nonzero, SECOND, "path"), ...dots(stored.map(aboveZero), FIRST, "path")],
      })),
  );
}

function macsFigure(way: readonly Point[]): Html {
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
        axis: logAxis(macs, width / 90),
        axisLabel: "MACs, logarithmic",
        marks: dots(macs.map(aboveZero), FIRST, "path"),
      })),
  );
}

function widthsFigure(layers: readonly Layer[]): Html {
  const names = layers.map(({ name }) => name);
  const before = layers.map((layer) => layer.before);
  const after = layers.map((layer) => layer.after);
  const outline: Style = { color: "var(--muted)", symbol: "square", hollow: true };
  const notes = layers.map((layer) => `${layer.after} of ${layer.before}`);
  const caption = {
    id: "widths",
    title: "Width of each layer",
    description: `Filters or neurons kept: ${pairs(names, notes)}.`,
  };
  return figure(
    caption.title,
    legend([{ label: "before", style: outline, sample: "bar" }, { label: "after", style: FIRST, sample: "bar" }]),
    drawn(caption, (width) =>
      rows(width, {
        names,
        notes,
        axis: amountAxis(Math.max(...before, ...after), width / 90),
        axisLabel: "filters or neurons",
        rowHeight: layers.length > 30 ? 17 : 22,
        marks: [bars(after, FIRST, 0.66), bars(before, outline, 0.66)],
      })),
  );
}

function residualsFigure(residuals: readonly ResidualPoint[]): Html {
  const layers = [...new Set(residuals.map(({ layer }) => layer))];
  const last = (layer: string) => residuals.findLast((point) => point.layer === layer)!.residual;
  // Beyond what styles can tell apart, the worst layers stand out of a grey crowd.
  const loud = layers.length <= STYLES.length ? layers : [...layers].sort((a, b) => last(b) - last(a)).slice(0, 3);
  const crowd: Style = { color: "var(--faint)", symbol: "circle" };
  const styleOf = (layer: string) => loud.includes(layer) ? STYLES[loud.indexOf(layer)] : crowd;
  const drawnLast = [...layers].sort((a, b) => Number(loud.includes(a)) - Number(loud.includes(b)));
  const series = drawnLast.map((layer) => ({
    style: styleOf(layer),
    values: residuals.filter((point) => point.layer === layer && point.residual > 0).map(({ update, residual }) => ({
      x: update,
      y: residual,
    })),
  }));
  const entries = loud.map((layer) => ({ label: layer, style: styleOf(layer), sample: "line" as const }));
  if (loud.length < layers.length) {
    entries.push({ label: `${layers.length - loud.length} more layers`, style: crowd, sample: "line" });
  }
  const caption = {
    id: "residuals",
    title: "ADMM residuals",
    description: `‖W−Z‖/‖W‖ after the last update: ${pairs(layers, layers.map((layer) => plain(last(layer))))}.`,
  };
  const inTime = [...residuals].sort((a, b) => a.update - b.update);
  const bands = bandsOf(inTime, ({ step }) => `step ${step}`, ({ update }) => update);
  return figure(
    caption.title,
    markup`<p>How far each layer's weights are from their pruned form, ‖W−Z‖/‖W‖; ${rhos(residuals)}${
      bands.length > 1 ? " Bands are the progressive steps." : ""
    }</p>
${legend(entries)}`,
    drawn(caption, (width) =>
      lines(width, {
        series,
        bands,
        y: logAxis(series.flatMap(({ values }) => values.map(({ y }) => y)), 5, plain),
        yLabel: "‖W−Z‖/‖W‖, logarithmic",
        xLabel: "update of Z and U",
      })),
  );
}

function trainingFigure(curves: readonly CurvePoint[]): Html {
  const points = curves.map((point, i) => ({ ...point, x: i + 1 }));
  const bands = bandsOf(points, ({ phase }) => phase, ({ x }) => x);
  const losses = points.filter(({ loss }) => loss > 0);
  const accuracies = points.map(({ validationAccuracy }) => validationAccuracy);
  const final = points[points.length - 1];
  const panel = (id: string, title: string, description: string, y: Axis, series: LinesOptions["series"]) =>
    drawn({ id, title, description }, (width) => lines(width, { series, bands, y, yLabel: title, xLabel: "epoch" }));
  return figure(
    "Training",
    markup`<p>Over all phases: ${
      bands.map(({ name, from, to }, i) => markup`${i > 0 ? " · " : ""}<b>${i + 1}</b> ${name} (${to - from + 1})`)
    }; epochs in brackets.</p>`,
    panel(
      "loss",
      "training loss, logarithmic",
      `Training loss over ${points.length} epochs; ${plain(final.loss)} after the last.`,
      logAxis(losses.map(({ loss }) => loss), 5, plain),
      [{ style: { ...OTHER, dash: undefined }, values: losses.map(({ x, loss }) => ({ x, y: loss })) }],
    ),
    panel(
      "validation",
      "validation accuracy",
      `Validation accuracy over ${points.length} epochs; ${percent(final.validationAccuracy)} after the last.`,
      percentAxis(accuracies, 5),
      [{ style: FIRST, values: points.map(({ x, validationAccuracy }) => ({ x, y: validationAccuracy })) }],
    ),
  );
}

function latencyFigure({ latency, speedup }: Report): Html {
  const batches = [...new Set(latency.map(({ batch }) => batch))].sort((a, b) => a - b);
  return figure(
    "Latency",
    markup`<p>Median time of one forward pass; whiskers show the spread (median absolute deviation, MAD).</p>`,
    ...batches.map((batch) => {
      const entries = VARIANTS.flatMap((variant) =>
        latency.filter((entry) => entry.batch === batch && entry.variant === variant)
      );
      const ratio = speedup.find((entry) => entry.batch === batch)?.ratio;
      return markup`<h4>Batch ${batch}${ratio === undefined ? "" : `: ${times(ratio)} as fast`}</h4>${
        batchPlot(batch, entries)
      }`;
    }),
  );
}

function batchPlot(batch: number, entries: readonly Latency[]): Html {
  const notes = entries.map(({ medianMs, madMs }) => milliSpread(medianMs, madMs));
  const caption = {
    id: `latency-${batch}`,
    title: `Latency at batch ${batch}`,
    description: `Median and MAD: ${pairs(entries.map(({ variant }) => variant), notes)}.`,
  };
  const whiskers = entries.map(({ medianMs, madMs }, i) => ({
    from: Math.max(0, medianMs - madMs),
    to: medianMs + madMs,
    i,
  }));
  return drawn(caption, (width) =>
    rows(width, {
      names: entries.map(({ variant }) => variant),
      notes,
      axis: amountAxis(Math.max(...whiskers.map(({ to }) => to)), width / 110),
      axisLabel: "ms",
      marks: [
        bars(entries.map(({ medianMs }) => medianMs), FIRST, 0.6),
        Plot.link(whiskers, { x1: "from", x2: "to", y1: "i", y2: "i", stroke: "currentColor", strokeWidth: 1.5 }),
        ...(["from", "to"] as const).map((end) =>
          Plot.link(whiskers, {
            x1: end,
            x2: end,
            y1: ({ i }: { i: number }) => i - 0.15,
            y2: ({ i }: { i: number }) => i + 0.15,
            stroke: "currentColor",
            strokeWidth: 1.5,
          })
        ),
      ],
    }));
}

function rhos(residuals: readonly ResidualPoint[]): string {
  const known = residuals.map(({ rho }) => rho).filter(Number.isFinite);
  if (known.length === 0) return "lower is nearer.";
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return low === high ? `ρ = ${plain(low)}.` : `ρ from ${plain(low)} to ${plain(high)}.`;
}

function figure(title: string, lead: Html, ...charts: readonly Html[]): Html {
  return markup`<figure><figcaption><h3>${title}</h3>${lead}</figcaption>
${charts}</figure>
`;
}

const aboveZero = (value: number) => value > 0 ? value : undefined;

function pairs(names: readonly string[], values: readonly string[]): string {
  return names.map((name, i) => `${name} ${values[i]}`).join(", ");
}
