/** How weights got where they are: ADMM residuals, losses and accuracies over time. */
import { bandsOf, lines, type LinesOptions } from "../charts/lines.ts";
import { amountAxis, type Axis, logAxis, percentAxis } from "../charts/scale.ts";
import { legend, type Style, STYLES } from "../charts/styles.ts";
import { drawn } from "../charts/svg.ts";
import type { CurvePoint, ResidualPoint } from "../detail.ts";
import { percent, plain } from "../format.ts";
import { type Html, markup } from "../markup.ts";
import { figure, pairs } from "./frame.ts";

const [FIRST, OTHER, THIRD] = STYLES;

export function residualsFigure(residuals: readonly ResidualPoint[]): Html {
  const layers = [...new Set(residuals.map(({ layer }) => layer))];
  const last = (layer: string) => residuals.findLast((point) => point.layer === layer)!.residual;
  // Beyond what styles can tell apart, the worst layers stand out of a grey crowd.
  const loud = layers.length <= STYLES.length ? layers : [...layers].sort((a, b) => last(b) - last(a)).slice(0, 3);
  const crowd: Style = { color: "var(--faint)", symbol: "circle" };
  const styleOf = (layer: string) => loud.includes(layer) ? STYLES[loud.indexOf(layer)] : crowd;
  const drawnLast = [...layers].sort((a, b) => Number(loud.includes(a)) - Number(loud.includes(b)));
  const seriesOf = (valueOf: (point: ResidualPoint) => number | undefined) =>
    drawnLast.map((layer) => ({
      style: styleOf(layer),
      values: residuals.filter((point) => point.layer === layer).flatMap((point) => {
        const y = valueOf(point);
        return y === undefined ? [] : [{ x: point.update, y }];
      }),
    }));
  const series = seriesOf(({ residual }) => residual > 0 ? residual : undefined);
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
        y: logAxis(series.flatMap(({ values }) => values.map(({ y }) => y)), 6, plain),
        yLabel: "‖W−Z‖/‖W‖, logarithmic",
        xLabel: "update of Z and U",
      })),
    ...supportPanel(residuals, bands, seriesOf(({ support }) => support)),
  );
}

/** Once the choice of groups has settled, only the gap is left to close: the residual alone doesn't tell. */
function supportPanel(
  residuals: readonly ResidualPoint[],
  bands: LinesOptions["bands"],
  series: LinesOptions["series"],
): Html[] {
  const shares = residuals.flatMap(({ support }) => support ?? []);
  if (shares.length === 0) return [];
  const last = Math.max(...residuals.map(({ update }) => update));
  const settled = residuals.filter(({ update }) => update === last).map(({ support }) => support ?? 0);
  const caption = {
    id: "support",
    title: "Change of support",
    description: `Share of groups chosen otherwise than at the update before; at most ${
      percent(Math.max(...settled))
    } at the last.`,
  };
  return [
    drawn(caption, (width) =>
      lines(width, {
        series,
        bands,
        y: { ...amountAxis(Math.max(...shares, 0.01), 6), format: percent },
        yLabel: "groups chosen otherwise than before",
        xLabel: "update of Z and U",
      })),
  ];
}

export function trainingFigure(curves: readonly CurvePoint[]): Html | undefined {
  // Controls are other networks; in one line with this one they would look like its fate.
  const own = curves.filter(({ phase }) => !phase.startsWith("control"));
  if (own.length === 0) return undefined;
  const points = own.map((point, i) => ({ ...point, x: i + 1 }));
  const bands = bandsOf(points, ({ phase }) => phase, ({ x }) => x);
  const losses = points.filter(({ loss }) => loss > 0);
  const accuracies = points.map(({ validationAccuracy }) => validationAccuracy);
  const mixed = points.flatMap(({ x, lambda }) => lambda === undefined ? [] : [{ x, y: lambda }]);
  const final = points[points.length - 1];
  const panel = (id: string, title: string, description: string, y: Axis, series: LinesOptions["series"]) =>
    drawn({ id, title, description }, (width) => lines(width, { series, bands, y, yLabel: title, xLabel: "epoch" }));
  return figure(
    "Training",
    markup`<p>Over all phases: ${
      bands.map(({ name, from, to }, i) => markup`${i > 0 ? " · " : ""}<b>${i + 1}</b> ${name} (${to - from + 1})`)
    }; epochs in brackets${own.length < curves.length ? ", controls left out" : ""}.</p>`,
    panel(
      "loss",
      "training loss, logarithmic",
      `Training loss over ${points.length} epochs; ${plain(final.loss)} after the last.`,
      logAxis(losses.map(({ loss }) => loss), 6, plain),
      [{ style: { ...OTHER, dash: undefined }, values: losses.map(({ x, loss }) => ({ x, y: loss })) }],
    ),
    panel(
      "validation",
      "validation accuracy",
      `Validation accuracy over ${points.length} epochs; ${percent(final.validationAccuracy)} after the last.`,
      percentAxis(accuracies),
      [{ style: FIRST, values: points.map(({ x, validationAccuracy }) => ({ x, y: validationAccuracy })) }],
    ),
    ...mixed.length === 0 ? [] : [panel(
      "lambda",
      "λ",
      `λ, from what blocks were to what they become, over ${mixed.length} epochs; ${
        plain(mixed.at(-1)!.y)
      } after the last.`,
      amountAxis(1, 6),
      [{ style: { ...THIRD, dash: undefined }, values: mixed }],
    )],
  );
}

function rhos(residuals: readonly ResidualPoint[]): string {
  const known = residuals.map(({ rho }) => rho).filter(Number.isFinite);
  if (known.length === 0) return "lower is nearer.";
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return low === high ? `ρ = ${plain(low)}.` : `ρ from ${plain(low)} to ${plain(high)}.`;
}
