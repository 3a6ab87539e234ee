/** The page of `secateur devices --html`: saved devices side by side. No script, no network. */
import { bars, rows } from "../charts/rows.ts";
import { amountAxis } from "../charts/scale.ts";
import { STYLES } from "../charts/styles.ts";
import { drawn } from "../charts/svg.ts";
import { figure, pairs } from "../figures/frame.ts";
import { milliseconds, milliSpread, times } from "../format.ts";
import { type Html, markup, table } from "../markup.ts";
import { renderPage } from "../page.ts";
import style from "../style.css" with { type: "text" };
import { type ComparedRow, type Comparison, deviceWords, doubtOf, leftOutWords } from "./compare.ts";
import type { Speed } from "./speedups.ts";

const [FIRST] = STYLES;

/** The same records give the same bytes. */
export function renderComparison(compared: Comparison): string {
  const { devices, leftOut } = compared;
  const body = markup`<header>
<h1>Devices</h1>
<p class="headline">Dense against pruned networks on ${devices.map(({ name }) => name).join(", ")}</p>
</header>
<main>
<h2>Speed-up</h2>
${compared.rows.map((row, i) => rowFigure(compared, row, i))}
<h2>Times</h2>
${devices.map((_, d) => deviceTable(compared, d))}
${
    table(
      "What they are",
      [{ label: "device" }, { label: "adapter and protocol", kind: "words" }, { label: "measured", kind: "words" }],
      devices.map((record) => [record.name, deviceWords(record), record.started]),
    )
  }</main>
<footer>Median of one run of the batch. Ratios are dense / pruned; a row in doubt has none.${
    leftOut.length > 0 ? ` Left out: ${leftOutWords(compared)}.` : ""
  }</footer>
`;
  return renderPage({ title: "Devices", styles: [style], body });
}

/** A bar for each device: how many times as fast the pruned network is there. */
function rowFigure({ devices }: Comparison, { network, batch, macs, speeds }: ComparedRow, i: number): Html {
  const sure = devices.flatMap(({ name }, d) => {
    const ratio = speeds[d]?.ratio;
    return ratio === undefined ? [] : [{ name, ratio }];
  });
  if (sure.length === 0) return markup``;
  const names = sure.map(({ name }) => name);
  const notes = sure.map(({ ratio }) => times(ratio));
  const title = `${network}, batch ${batch}`;
  const caption = { id: `speed-up-${i}`, title, description: `Speed-up: ${pairs(names, notes)}.` };
  return figure(
    title,
    markup`<p>${times(macs)} fewer multiply-adds; how many times as fast:</p>`,
    drawn(caption, (width) =>
      rows(width, {
        names,
        notes,
        axis: amountAxis(Math.max(macs, ...sure.map(({ ratio }) => ratio)), width / 90),
        axisLabel: "dense / pruned",
        marks: [bars(sure.map(({ ratio }) => ratio), FIRST, 0.6)],
      })),
  );
}

function deviceTable({ devices, rows }: Comparison, d: number): Html {
  const label = ["network", "batch", "dense", "pruned", "speed-up", "MACs"].map((label) => ({ label }));
  const own = rows.filter(({ speeds }) => speeds[d] !== undefined);
  return table(
    devices[d].name,
    [...label, { label: "in doubt because", kind: "words" }],
    own.map(({ network, batch, macs, speeds }) => {
      const speed = speeds[d]!;
      const { dense, pruned, ratio } = speed;
      return [
        network,
        batch,
        timeOf(dense),
        timeOf(pruned),
        ratio ? times(ratio) : "–",
        times(macs),
        doubtOf(speed) ?? "",
      ];
    }),
  );
}

function timeOf({ medianMs, madMs }: Speed["dense"]): string {
  if (medianMs === undefined) return "–";
  return madMs === undefined ? `${milliseconds(medianMs)} ms` : milliSpread(medianMs, madMs);
}
