import { formatTable } from "../../src/cli/table.ts";
import { milliseconds, times } from "../../src/report/format.ts";
import type { PeerRow } from "./match.ts";

/** One line for each contestant of each case; a contestant without a time says why. */
export function peerTable(rows: readonly PeerRow[]): string {
  return formatTable([
    ["case", "contestant", "ms", "MAD", "samples", "first call", "GFLOP/s", "of our time", "goal", "reached", ""],
    ...rows.map((row, i) => [
      row.case === rows[i - 1]?.case ? "" : row.case,
      row.contestant,
      row.medianMs === undefined ? "–" : milliseconds(row.medianMs),
      row.madMs === undefined ? "–" : milliseconds(row.madMs),
      row.samples === undefined ? "–" : String(row.samples),
      row.firstMs === undefined ? "–" : milliseconds(row.firstMs),
      row.gflops === undefined ? "–" : row.gflops.toFixed(2),
      row.ratio === undefined ? "–" : times(row.ratio),
      row.goal === undefined ? "" : times(row.goal),
      row.reached === undefined ? "" : row.reached ? "yes" : "no",
      row.note ?? "",
    ]),
  ], { header: true, left: 2 });
}
