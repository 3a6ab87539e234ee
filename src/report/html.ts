/** The page of a run: one file without scripts, fonts or links, that opens with no network. */
import { headline, isSoftware, largestBatch } from "./build.ts";
import type { Detail } from "./detail.ts";
import { figures } from "./figures.ts";
import { percent, points, times } from "./format.ts";
import { type Html, markup } from "./markup.ts";
import { renderPage } from "./page.ts";
import style from "./style.css" with { type: "text" };
import {
  blocksTable,
  budgetTable,
  latencyTables,
  layersTable,
  originTable,
  proofTables,
  summaryTable,
} from "./tables.ts";
import type { Report } from "./types.ts";

export type { Detail } from "./detail.ts";

/** `report.markup` as text; the same report and detail give the same bytes. */
export function renderReport(report: Report, detail: Detail): string {
  const body = markup`<header>
<h1>Pruning report</h1>
<p class="headline">${headline(report)}</p>
${tiles(report)}
${softwareNote(report)}${failures(report)}</header>
<main>
<h2>At a glance</h2>
<div class="figures">
${figures(report, detail)}</div>
<h2>Accuracy and size</h2>
${summaryTable(report)}${blocksTable(report)}${layersTable(detail)}${budgetTable(report)}
${speed(report)}
<h2>Proof</h2>
${proofTables(report)}
<h2>Where it comes from</h2>
${originTable(report, detail)}
<details>
<summary>Recipe</summary>
<pre><code>${detail.recipeYaml}</code></pre>
</details>
</main>
<footer>${report.tool}. Accuracy is the share of inputs classified correctly; 1 MAC is one multiply-add; sizes are float32
parameters with their index data, 1 MB = 10⁶ bytes.</footer>
`;
  return renderPage({ title: `Pruning report: ${headline(report)}`, styles: [style], images: "data", body });
}

function speed(report: Report): Html {
  if (report.latency.length === 0) return markup``;
  return markup`<h2>Speed</h2>
${softwareNote(report)}${latencyTables(report)}`;
}

function failures({ failed = [] }: Report): Html {
  return markup`${
    failed.map(({ stage, kind, reason }) =>
      markup`<p class="note warning"><strong>Stage ${stage} (${kind}) failed:</strong> ${reason}</p>
`
    )
  }`;
}

function tiles({ baseline, final, compression, speedup }: Report): Html {
  const fastest = largestBatch(speedup);
  const facts: [string, string][] = [
    [times(compression.params), "parameters, baseline ÷ final"],
    [times(compression.macs), "MACs, baseline ÷ final"],
    ...(fastest
      ? [[times(fastest.ratio), `speed at batch ${fastest.batch}, dense ÷ compact`] as [string, string]]
      : []),
    [
      percent(final.accuracy.test),
      `test accuracy, ${points(final.accuracy.test - baseline.accuracy.test)} against ${
        percent(baseline.accuracy.test)
      }`,
    ],
  ];
  return markup`<ul class="tiles">${facts.map(([value, label]) => markup`<li><b>${value}</b>${label}</li>`)}</ul>`;
}

function softwareNote({ adapter, latency }: Report): Html {
  if (!isSoftware(adapter) || latency.length === 0) return markup``;
  return markup`<p class="note warning"><strong>Software adapter.</strong> ${
    adapter.description || adapter.vendor
  } computes on the CPU: absolute times mean little; compare ratios.</p>
`;
}
