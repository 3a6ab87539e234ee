/** The page of `secateur devices --html`: saved devices side by side. No script, no network. */
import { milliseconds, milliSpread, times } from "../format.ts";
import { type Html, markup, table } from "../markup.ts";
import { renderPage } from "../page.ts";
import style from "../style.css" with { type: "text" };
import { devicesChart } from "./chart.ts";
import { type Comparison, deviceWords, doubtOf, leftOutWords } from "./compare.ts";
import type { Speed } from "./speedups.ts";

/** The same records give the same bytes. */
export function renderComparison(compared: Comparison): string {
  const { devices, labels, leftOut } = compared;
  const body = markup`<header>
<h1>Devices</h1>
<p class="headline">Dense against pruned networks on ${labels.join(", ")}</p>
</header>
<main>
${leftOut.length > 0 ? markup`<p class="note">Left out of the comparison: ${leftOutWords(compared)}.</p>` : ""}
${
    compared.rows.length > 0
      ? timesOf(compared)
      : markup`<p class="note">No network was timed both dense and pruned.</p>`
  }
<h2>What they are</h2>
${
    table(
      "Devices",
      [{ label: "device" }, { label: "adapter and protocol", kind: "words" }, {
        label: "measured (UTC)",
        kind: "words",
      }],
      devices.map((record, d) => [labels[d], deviceWords(record), record.started.slice(0, 16).replace("T", " ")]),
    )
  }</main>
<footer>Median of one run of the batch. Ratios are dense / pruned; a row in doubt has none.</footer>
`;
  return renderPage({ title: "Devices", styles: [style], body });
}

/** The chart, and a table for each device that timed something. */
function timesOf(compared: Comparison): Html {
  const { labels, rows } = compared;
  const timed = labels.map((_, d) => rows.some(({ speeds }) => speeds[d] !== undefined));
  const without = labels.filter((_, d) => !timed[d]);
  return markup`${devicesChart(compared)}
<h2>Times</h2>
${labels.map((_, d) => timed[d] ? deviceTable(compared, d) : "")}
${
    without.length > 0
      ? markup`<p class="note">Timed no network both dense and pruned: ${without.join(", ")}.</p>`
      : ""
  }`;
}

/** Doubts have a column where there are any. */
function deviceTable({ labels, rows }: Comparison, d: number): Html {
  const own = rows.flatMap(({ network, batch, macs, speeds }) => {
    const speed = speeds[d];
    return speed ? [{ network, batch, macs, speed, doubt: doubtOf(speed) }] : [];
  });
  const doubtful = own.some(({ doubt }) => doubt !== undefined);
  return table(
    labels[d],
    [
      ...["network", "batch", "speed-up", "dense", "pruned", "MACs"].map((label) => ({ label })),
      ...doubtful ? [{ label: "in doubt because", kind: "words" as const }] : [],
    ],
    own.map(({ network, batch, macs, speed: { dense, pruned, ratio }, doubt }) => [
      network,
      batch,
      ratio ? times(ratio) : "–",
      timeOf(dense),
      timeOf(pruned),
      times(macs),
      ...doubtful ? [doubt ?? ""] : [],
    ]),
  );
}

function timeOf({ medianMs, madMs }: Speed["dense"]): string {
  if (medianMs === undefined) return "–";
  return madMs === undefined ? `${milliseconds(medianMs)} ms` : milliSpread(medianMs, madMs);
}
