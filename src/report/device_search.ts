/** What a search for the best network within a time on a device has come to: `search.json` in a run's folder, and a part of its report. */
import { median } from "../measure/stats.ts";
import { milliseconds, percent } from "./format.ts";
import { type Html, markup, table } from "./markup.ts";
import type { DeviceSearch } from "./types.ts";

export const SEARCH_FILE = "search.json";

/** The median over finalists of how far what was measured last is from what was expected, as a fraction; undefined without times. */
export function expectedWithin({ finalists }: DeviceSearch): number | undefined {
  const apart = finalists.flatMap(({ correctedMs, measuredMs, againMs = measuredMs }) =>
    againMs === undefined ? [] : [Math.abs(againMs / correctedMs - 1)]
  );
  return apart.length > 0 ? median(apart) : undefined;
}

/** What it has come to in one line, for terminal and page. */
export function searchWords(search: DeviceSearch): string {
  const { device, live, askedMs, dense, candidates, finalMs } = search;
  const within = expectedWithin(search);
  const chosen = search.finalists.find(({ chosen }) => chosen);
  const expected = chosen && milliseconds(chosen.againMs ?? chosen.correctedMs);
  const looked = `the best of ${candidates} networks for ${milliseconds(askedMs)} ms on ${device}, of ${
    milliseconds(dense.measuredMs)
  } ms`;
  if (!live) return `${looked}: ${expected} ms by its table, corrected; nothing was measured there`;
  const told = finalMs === undefined
    ? `${expected} ms there before it was trained; afterwards it wasn't measured`
    : `${milliseconds(finalMs)} ms there when measured again${
      finalMs > askedMs ? `, ${percent(finalMs / askedMs - 1, 0)} more than was asked for` : ""
    }`;
  return `${looked}: ${told}${
    within === undefined ? "" : `; finalists within ${percent(within, 0)} of what was expected`
  }`;
}

/** Labels and cells of each finalist, for terminal and page. */
export const FINALIST_LABELS = ["finalist", "accuracy before training", "table", "corrected", "measured", "again", ""];

export function finalistCells({ finalists }: DeviceSearch): string[][] {
  const ms = (time: number | undefined) => time === undefined ? "–" : `${milliseconds(time)} ms`;
  return finalists.map(({ choices, accuracy, predictedMs, correctedMs, measuredMs, againMs, chosen }) => [
    choices,
    percent(accuracy),
    ...[predictedMs, correctedMs, measuredMs, againMs].map(ms),
    chosen ? "chosen" : "",
  ]);
}

function sentence(words: string): string {
  return `${words[0].toUpperCase()}${words.slice(1)}.`;
}

export function deviceSearchSection(search: DeviceSearch | undefined): Html {
  if (!search) return markup``;
  const [first, ...rest] = FINALIST_LABELS;
  const late = search.finalMs !== undefined && search.finalMs > search.askedMs;
  return markup`<h2>Search on ${search.device}</h2>
<p class="${late ? "note warning" : "note"}">${sentence(searchWords(search))}</p>
${
    table(
      "Finalists of the search; times of one image: by the latency table, corrected by what was measured before this network " +
        "was, measured, and measured once more",
      [{ label: first, kind: "words" }, ...rest.map((label) => ({ label }))],
      finalistCells(search),
    )
  }`;
}
