/** Every trial as a row: what the page's script sorts, filters and compares by. */
import { plain } from "../../report/format.ts";
import { type Html, markup } from "../../report/markup.ts";
import { gain } from "../objective.ts";
import { isFraction, metricText, shortNames, valueText } from "./metric_words.ts";
import { metricNames, type Overview, type ShownTrial } from "./overview.ts";
import { firstOnes } from "./sweep_charts.ts";

/** A row takes about half a kilobyte. */
const MOST_ROWS = 2000;

interface Column {
  readonly label: string;
  /** Words, and seeds, which are no amounts, stand left; fractions are compared by their difference, numbers by their ratio. */
  readonly kind: "words" | "number" | "fraction";
  /** What is shown, and what it is sorted by where that is something else. */
  cell(trial: ShownTrial): { readonly text: string; readonly value?: number };
}

/** Those of the front first, then by what they are worth. */
export function trialsTable(overview: Overview, reportOf: (id: string) => string | undefined): Html {
  const { trials, worth } = overview;
  const columns = columnsOf(overview);
  const byWorth = trials.toSorted((a, b) =>
    Number(b.front) - Number(a.front) || Number(b.trial.state === "done") - Number(a.trial.state === "done") ||
    order(gain(b.metrics, worth), gain(a.metrics, worth))
  );
  const shown = firstOnes(byWorth, MOST_ROWS);
  const rows = shown.map((own) => {
    const { id, parents = [] } = own.trial;
    const report = reportOf(id);
    const name = report === undefined ? markup`${id}` : markup`<a href="${report}">${id}</a>`;
    const cells = columns.map(({ kind, cell }) => {
      const { text, value } = cell(own);
      return markup`<td${kind === "words" ? markup` class="words"` : ""}${
        value === undefined || !Number.isFinite(value) ? "" : markup` data-value="${value}"`
      }>${text}</td>`;
    });
    return markup`<tr id="trial-${id}"${own.front ? markup` class="front"` : ""}${
      parents.length > 0 ? markup` data-parents="${parents.join(" ")}"` : ""
    }><th scope="row">${name}</th>${cells}</tr>
`;
  });
  const caption = shown.length < trials.length
    ? `${shown.length} of ${trials.length} trials, those of the front first`
    : "Trials, those of the front first";
  return markup`<div class="scroll" role="region" tabindex="0" aria-label="Trials"><table id="trials">
<caption><span>${caption}</span></caption>
<thead><tr><th scope="col">trial</th>${
    columns.map(({ label, kind }) =>
      markup`<th scope="col" data-kind="${kind}"${kind === "words" ? markup` class="words"` : ""}>${label}</th>`
    )
  }</tr></thead>
<tbody>
${rows}</tbody>
</table></div>
`;
}

function columnsOf(overview: Overview): Column[] {
  const { trials } = overview;
  const choices = [...new Set(trials.flatMap(({ trial }) => Object.keys(trial.choices)))];
  const labels = shortNames(choices);
  const bred = trials.some(({ trial }) => trial.parents);
  return [
    ...metricNames(overview).map((metric): Column => ({
      label: metric,
      kind: isFraction(metric) ? "fraction" : "number",
      cell: ({ metrics }) => ({ text: metricText(metric, metrics[metric]), value: metrics[metric] }),
    })),
    ...choices.map((name, i): Column => ({
      label: labels[i],
      kind: trials.every(({ trial }) => typeof (trial.choices[name] ?? 0) === "number") ? "number" : "words",
      cell({ trial }) {
        const value = trial.choices[name];
        if (value === undefined) return { text: "–" };
        return { text: valueText(value), value: typeof value === "number" ? value : undefined };
      },
    })),
    { label: "seed", kind: "words", cell: ({ trial }) => ({ text: String(trial.seed), value: trial.seed }) },
    {
      label: "epochs",
      kind: "number",
      cell({ trial }) {
        const epochs = trial.rungs.at(-1)?.epochs ?? 0;
        return { text: plain(epochs), value: epochs };
      },
    },
    {
      label: "state",
      kind: "words",
      cell: ({ trial, front, keepsBounds }) => ({
        text: front ? "front" : trial.state === "done" && !keepsBounds ? "beyond a bound" : trial.state,
      }),
    },
    ...bred
      ? [
        {
          label: "bred from",
          kind: "words",
          cell: ({ trial }) => ({ text: trial.parents?.join(", ") ?? "–" }),
        } satisfies Column,
      ]
      : [],
  ];
}

function order(a: number, b: number): number {
  return a === b ? 0 : a - b;
}
