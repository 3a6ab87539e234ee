/**
 * The page of a sweep: fronts, rungs, and a table of all trials. One file that opens with no network. Its script sorts the
 * table, finds trials and compares two of them; without it everything can still be read.
 */
import { count } from "../../report/format.ts";
import { type Html, markup, table } from "../../report/markup.ts";
import { pageScript, renderPage } from "../../report/page.ts";
import baseStyle from "../../report/style.css" with { type: "text" };
import { gain } from "../objective.ts";
import type { SweepReport } from "../report.ts";
import type { Trial } from "../trial.ts";
import { isTime, metricText } from "./metric_words.ts";
import { allOver, countStates, type Overview, overviewOf, type ShownTrial } from "./overview.ts";
import { costFigure, rungsFigure } from "./sweep_charts.ts";
import script from "./sweep_page.js" with { type: "text" };
import style from "./sweep_page.css" with { type: "text" };
import { trialsTable } from "./trials_table.ts";

export interface SweepPage {
  readonly report: SweepReport;
  /** The sweep's file, as text. */
  readonly file?: string;
  /** Where a trial's report lies, relative to the page; undefined where it has none. */
  reportOf(id: string): string | undefined;
  /** The page comes from a server, and asks it for changes so often until the sweep has ended. Default: it is a file. */
  readonly followMs?: number;
}

/** While a sweep goes on its page's file is written anew now and then. */
const REFRESH_SECONDS = 10;

/** The same sweep gives the same bytes. */
export async function renderSweep(page: SweepPage): Promise<string> {
  const { report: { sweep: name, tool, trials, epochs, ended, ...aims }, file, followMs } = page;
  const overview = overviewOf(trials, aims);
  const figures = [...overview.costs.map((cost) => costFigure(overview, cost)), rungsFigure(overview)]
    .filter((figure) => figure !== undefined);
  const follows = followMs !== undefined && !ended;
  const body = markup`<header${follows ? markup` data-follow="${followMs}"` : ""}>
<h1>Sweep: ${name}</h1>
<p class="headline">${headline(overview).replace(/(\d) (?=[%a-zA-Z])/g, "$1\u00a0")}</p>
${tiles(trials, epochs)}</header>
<main>
${
    figures.length > 0
      ? markup`<h2>At a glance</h2>
<p class="scripted">A click on a dot or a line chooses its trial; of two that are chosen the page compares the numbers.${
        overview.trials.some(({ trial }) => trial.parents)
          ? " Lines lead to a trial from those that it was bred from."
          : ""
      }</p>
<div class="figures">
${figures}</div>
`
      : markup`<p class="note">Fronts are drawn when two trials are done.</p>
`
  }<h2>Trials</h2>
${trialsTable(overview, page.reportOf)}${failuresTable(overview)}
${
    file === undefined ? "" : markup`<details>
<summary>The sweep's file</summary>
<pre><code>${file}</code></pre>
</details>
`
  }</main>
<aside id="chosen" aria-label="Chosen trials" hidden></aside>
<div id="tip" role="status" hidden></div>
<p id="lost" role="status" hidden></p>
<footer>${tool}. ${
    aimsWords(overview)
  }. On the front: trials that are done and keep the bounds, than which no other one is as good
in every objective and better in one.</footer>
`;
  return renderPage({
    title: `Sweep: ${name}`,
    styles: [baseStyle, style],
    body,
    script: await pageScript(script),
    ...follows && { connects: "self" },
    ...!ended && !follows && { refreshSeconds: REFRESH_SECONDS },
  });
}

/** "12 trials lie on the front, from 90.5 % accuracy at 0.68 ms to 97.0 % at 2.1 ms" */
export function headline({ trials, worth, costs }: Overview): string {
  const front = trials.filter(({ front }) => front).toSorted((a, b) => gain(a.metrics, worth) - gain(b.metrics, worth));
  const [low, high] = [front[0], front.at(-1)];
  if (!low || !high) {
    return allOver(trials.map(({ trial }) => trial)) ? "No trial keeps the bounds" : "No trial is done yet";
  }
  const [cost] = costs;
  const words = ({ metrics }: ShownTrial) =>
    metricText(worth.metric, metrics[worth.metric]) +
    (cost ? ` at ${metricText(cost.metric, metrics[cost.metric])}${isTime(cost.metric) ? "" : ` ${cost.metric}`}` : "");
  if (low === high) return `${low.trial.id} is the best trial: ${worth.metric} ${words(low)}`;
  return `${front.length} trials lie on the front: ${worth.metric} from ${words(low)} to ${words(high)}`;
}

function tiles(all: readonly Trial[], epochs: number): Html {
  const { done, running, waiting, stopped, failed } = countStates(all);
  const facts: [string, string][] = [
    [`${count(done)} of ${count(all.length)}`, "trials are done"],
    ...running + waiting > 0 ? [[count(running + waiting), `running or waiting`] as [string, string]] : [],
    ...stopped > 0 ? [[count(stopped), "were stopped before their end"] as [string, string]] : [],
    ...failed > 0 ? [[count(failed), "failed"] as [string, string]] : [],
    [count(epochs), "training epochs, shared ones once"],
  ];
  return markup`<ul class="tiles">${facts.map(([value, label]) => markup`<li><b>${value}</b>${label}</li>`)}</ul>
`;
}

function failuresTable({ trials }: Overview): Html {
  const failed = trials.filter(({ trial }) => trial.state === "failed");
  if (failed.length === 0) return markup``;
  return table(
    "Failed trials",
    [{ label: "trial" }, { label: "reason", kind: "words" }],
    failed.map(({ trial }) => [trial.id, trial.reason ?? "unknown"]),
  );
}

/** "Objectives: accuracy up, ms down; bounds: accuracy at least 90.00 %" */
function aimsWords({ objectives, constraints }: Overview): string {
  const up = objectives.map(({ metric, direction }) => `${metric} ${direction === "max" ? "up" : "down"}`).join(", ");
  const bounds = constraints.map(({ metric, relation, value }) =>
    `${metric} at ${relation === ">=" ? "least" : "most"} ${metricText(metric, value)}`
  ).join(", ");
  return `Objectives: ${up}${bounds === "" ? "" : `; bounds: ${bounds}`}`;
}
