/** The page of a run: one file without scripts, fonts or links, that opens with no network. */
import { adapterName } from "../gpu/adapter.ts";
import { accuracyOf, agreementWords, headline, isSoftware, largestBatch, NO_LABELS } from "./build.ts";
import type { Detail } from "./detail.ts";
import { deviceSearchSection } from "./device_search.ts";
import { diagnosisSection } from "./diagnosis/section.ts";
import { figures } from "./figures.ts";
import { count, milliseconds, percent, plain, points, times } from "./format.ts";
import { intervalWords } from "./interval.ts";
import { type Html, markup } from "./markup.ts";
import { renderPage } from "./page.ts";
import style from "./style.css" with { type: "text" };
import {
  blocksTable,
  budgetTable,
  classesTable,
  halfTable,
  latencyTables,
  layersTable,
  originTable,
  proofTables,
  spentTable,
  summaryTable,
} from "./tables.ts";
import type { Agreement, Report } from "./types.ts";

export type { Detail } from "./detail.ts";

/** `report.markup` as text; the same report and detail give the same bytes. */
export function renderReport(report: Report, detail: Detail): string {
  const body = markup`<header>
<h1>Pruning report${aboutOf(report)}</h1>
<p class="headline">${headline(report)}</p>
${tiles(report)}
${labelsNote(report)}${softwareNote(report)}${failures(report)}${warnings(report)}</header>
<main>
<h2>At a glance</h2>
<div class="figures">
${figures(report, detail)}</div>
<h2>${report.final.accuracy ? "Accuracy" : "Agreement"} and size</h2>
${summaryTable(report)}${classesTable(report)}${blocksTable(report)}${layersTable(detail, report)}${budgetTable(report)}
${deviceSearchSection(report.search)}${speed(report)}
${detail.diagnosis ? diagnosisSection(detail.diagnosis) : ""}<h2>Proof</h2>
${proofTables(report)}
${halfTable(report)}
<h2>Where it comes from</h2>
${originTable(report, detail)}${spentTable(report)}
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
${softwareNote(report)}${maskedNote(report)}${latencyTables(report)}`;
}

/** ": digits on digits" */
function aboutOf({ network, data }: Report): string {
  return network === undefined || data === undefined ? "" : `: ${network} on ${data}`;
}

function warnings({ warnings = [] }: Report): Html {
  return markup`${
    warnings.map((text) =>
      markup`<p class="note warning"><strong>Warning:</strong> ${text}</p>
`
    )
  }`;
}

/** Where a network that still stores its zeros takes clearly less time than the dense one. */
function maskedNote({ latency }: Report): Html {
  const batches = [...new Set(latency.map(({ batch }) => batch))];
  const faster = batches.flatMap((batch) => {
    const [dense, masked] = (["dense", "masked"] as const).map((variant) =>
      latency.find((entry) => entry.batch === batch && entry.variant === variant)
    );
    if (!dense || !masked || masked.medianMs + masked.madMs >= dense.medianMs - dense.madMs) return [];
    const share = times(dense.medianMs / masked.medianMs);
    return [
      `at batch ${batch} in ${milliseconds(masked.medianMs)} ms, ${share} as fast as the dense one in ${
        milliseconds(dense.medianMs)
      } ms`,
    ];
  });
  if (faster.length === 0) return markup``;
  return markup`<p class="note">The masked network, of the dense one's shape, ran ${
    faster.join(", ")
  }: kernels of sparse formats were measured to be faster on its zeros, and skip them.</p>
`;
}

function failures({ failed = [] }: Report): Html {
  return markup`${
    failed.map(({ stage, kind, reason }) =>
      markup`<p class="note warning"><strong>Stage ${stage} (${kind}) failed:</strong> ${reason}</p>
`
    )
  }`;
}

function tiles({ baseline, final, compression, speedup, images }: Report): Html {
  const fastest = largestBatch(speedup);
  const facts: [string, string][] = [
    [times(compression.params), "parameters, baseline ÷ final"],
    [times(compression.macs), "MACs, baseline ÷ final"],
    ...(fastest
      ? [[times(fastest.ratio), `speed at batch ${fastest.batch}, dense ÷ compact`] as [string, string]]
      : []),
    final.agreement
      ? agreementTile(final.agreement)
      : accuracyTile(accuracyOf(final).test, accuracyOf(baseline).test, images?.test),
  ];
  return markup`<ul class="tiles">${facts.map(([value, label]) => markup`<li><b>${value}</b>${label}</li>`)}</ul>`;
}

function accuracyTile(test: number, before: number, images: number | undefined): [string, string] {
  const sure = images === undefined ? "" : `; 95 % interval of ${count(images)} images ${intervalWords(test, images)}`;
  return [percent(test), `test accuracy, ${points(test - before)} against ${percent(before)}${sure}`];
}

function agreementTile({ images, sameClass, outputLoss }: Agreement): [string, string] {
  return sameClass === undefined
    ? [plain(outputLoss), `of how much they vary is what outputs are off by, on ${count(images)} images`]
    : [percent(sameClass), `of ${count(images)} images get the dense network's class`];
}

function labelsNote({ final }: Report): Html {
  if (!final.agreement) return markup``;
  return markup`<p class="note"><strong>${
    NO_LABELS[0].toUpperCase() + NO_LABELS.slice(1)
  }.</strong> What is told instead is how near the
outputs are to the dense network's, on images that nothing was fitted to: ${agreementWords(final.agreement)}.</p>
`;
}

function softwareNote({ adapter, latency }: Report): Html {
  if (!isSoftware(adapter) || latency.length === 0) return markup``;
  return markup`<p class="note warning"><strong>Software adapter.</strong> ${
    adapterName(adapter)
  } computes on the CPU: absolute times mean little; compare ratios.</p>
`;
}
