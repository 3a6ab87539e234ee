/** The page of `secateur sensitivity`: a heat map of what each layer costs, and its curves. No script, no network. */
import type { SensitivityCurve } from "../../prune/sensitivity/types.ts";
import type { Axis } from "../charts/scale.ts";
import { percentAxis } from "../charts/scale.ts";
import { scatter } from "../charts/scatter.ts";
import { legend, STYLES } from "../charts/styles.ts";
import { drawn } from "../charts/svg.ts";
import { figure } from "../figures/frame.ts";
import { count, percent, plain, points, short } from "../format.ts";
import { type Html, markup, raw, table } from "../markup.ts";
import { renderPage } from "../page.ts";
import baseStyle from "../style.css" with { type: "text" };
import { pointAt, type SensitivityFile } from "./sensitivity_file.ts";

const [ACCURACY, OUTPUTS] = STYLES;

/** The whole heat map fits a phone, and what is hot is still read well. */
const STYLE = `.heat {
  display: block;
  padding: 2px 6px;
  border-radius: 4px;
  background: color-mix(in srgb, var(--s6) var(--heat), transparent);
}
pre {
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
@media (max-width: 599.98px) {
  .heat {
    padding: 2px 3px;
  }
  .heat-map table {
    font-size: 0.78rem;
  }
  .heat-map th,
  .heat-map td {
    padding: 5px 2px;
  }
  .heat-map th:first-child {
    padding-left: 8px;
  }
  .heat-map th:nth-child(2),
  .heat-map td:nth-child(2) {
    display: none;
  }
}
`;
/** Per cent of the colour where all is lost: more leaves too little contrast to the numbers in the dark. */
const HOTTEST = 45;

/** The same file gives the same bytes. */
export function renderSensitivity(file: SensitivityFile): string {
  const { identity: { network, data, criterion, seed }, dense: { accuracy }, params, macs, images } = file;
  const facts: [string, string][] = [
    ...accuracy === undefined ? [] : [[percent(accuracy), "accuracy of the whole network"] as [string, string]],
    [count(images), `images of ${data.name} (${data.part})`],
    [short(macs), `MACs for one image, ${count(params)} parameters`],
    [criterion, `decides which filters go; seed ${seed}`],
  ];
  const body = markup`<header>
<h1>Sensitivity</h1>
<p class="headline">What ${network.name} loses by each of its layers</p>
<ul class="tiles">${facts.map(([value, label]) => markup`<li><b>${value}</b>${label}</li>`)}</ul>
${
    images < data.images
      ? markup`<p class="note warning">Stopped after ${count(images)} of ${count(data.images)} images.</p>`
      : ""
  }</header>
<main>
<h2>Heat map</h2>
<div class="heat-map">
${accuracy === undefined ? "" : accuracyTable(file, accuracy)}${outputsTable(file)}</div>
<h2>Curves</h2>
<p>Filters of one layer go, all other layers are whole, and nothing is trained or fitted.</p>
${
    legend([
      ...accuracy === undefined ? [] : [{ label: "accuracy", style: ACCURACY, sample: "line and dot" } as const],
      { label: "loss of the outputs, without labels", style: OUTPUTS, sample: "line and dot" },
    ])
  }
<div class="figures">
${file.curves.map((curve, i) => curveFigure(curve, i, accuracy))}</div>
<h2>Where it comes from</h2>
<p>${file.tool}, commit ${file.commit}, on ${file.adapter}:</p>
<pre><code>${file.command}</code></pre>
</main>
<footer>The loss of the outputs is Σ‖z′ − z‖² / Σ‖z − z̄‖²: 0 where they are as before, 1 where they are as far off as their mean is.</footer>
`;
  return renderPage({ title: `Sensitivity: ${network.name}`, styles: [baseStyle, STYLE], body });
}

function accuracyTable(file: SensitivityFile, whole: number): Html {
  return heatTable(
    file,
    "Accuracy in per cent with a part of one layer's filters gone",
    ({ accuracy = 0 }) => ({
      text: (100 * accuracy).toFixed(1),
      heat: (whole - accuracy) / Math.max(whole, Number.MIN_VALUE),
    }),
  );
}

function outputsTable(file: SensitivityFile): Html {
  return heatTable(
    file,
    "Loss of the outputs with a part of one layer's filters gone",
    ({ outputLoss }) => ({ text: outputLoss.toFixed(2), heat: outputLoss }),
  );
}

type Point = SensitivityCurve["points"][number];

function heatTable(
  { curves, identity: { ratios } }: SensitivityFile,
  caption: string,
  cell: (point: Point) => { readonly text: string; readonly heat: number },
): Html {
  const columns = [
    { label: "layer" },
    { label: "filters" },
    ...ratios.map((ratio) => ({ label: percent(ratio, 0) })),
  ];
  const rows = curves.map((curve) => [
    layerName(curve),
    count(curve.groups),
    ...ratios.map((ratio) => {
      const point = pointAt(curve, ratio);
      if (!point) return "–";
      const { text, heat } = cell(point);
      return markup`<span class="heat" style="--heat: ${
        raw(`${Math.round(HOTTEST * Math.min(1, Math.max(0, heat)))}%`)
      }">${text}</span>`;
    }),
  ]);
  return table(caption, columns, rows);
}

/** Filters are all that is looked at. */
function layerName({ name }: SensitivityCurve): string {
  return name.replace(/:filter$/, "");
}

/** From 0 to 1, whatever the values are: so layers can be compared at a glance. */
const WHOLE: Axis = percentAxis([0, 1]);

function curveFigure(
  curve: SensitivityCurve,
  i: number,
  whole: number | undefined,
): Html {
  const { layers, groups, points: measured } = curve;
  const gone = ({ keep }: Point) => 1 - keep / groups;
  const accuracy = whole === undefined
    ? []
    : [{ x: 0, y: whole }, ...measured.map((point) => ({ x: gone(point), y: point.accuracy ?? 0 }))];
  const outputs = [{ x: 0, y: 0 }, ...measured.map((point) => ({ x: gone(point), y: Math.min(1, point.outputLoss) }))];
  const last = measured[measured.length - 1];
  const lost = whole === undefined
    ? `an outputs' loss of ${plain(Number(last.outputLoss.toPrecision(3)))}`
    : points((last.accuracy ?? 0) - whole);
  const caption = {
    id: `curve-${i}`,
    title: layerName(curve),
    description: `${percent(gone(last), 0)} of ${count(groups)} filters gone: ${lost}.`,
  };
  return figure(
    caption.title,
    markup`<p>${count(groups)} filters of ${layers.join(", ")}. ${caption.description}</p>`,
    drawn(caption, (width) =>
      scatter(width, {
        clouds: [
          { points: outputs, style: OUTPUTS, joined: true },
          ...accuracy.length > 0 ? [{ points: accuracy, style: ACCURACY, joined: true } as const] : [],
        ],
        x: WHOLE,
        y: WHOLE,
        xLabel: "part of the filters that is gone",
        yLabel: whole === undefined ? "loss of the outputs" : "accuracy, and loss of the outputs",
      })),
  );
}
