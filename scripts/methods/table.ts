/** The tables of docs/methods.md, of the cells that are done. Pure. */
import { inPercent, seedMean } from "../experiments/seeds.ts";
import type { DoneCell, Track } from "./cell.ts";
import { SHUFFLED } from "./criteria_track.ts";

/** For each track: what its rows are held against, and what it shows. */
const TITLES: Readonly<Record<Track, string>> = {
  A: "Criteria, one fine-tuning for all",
  B: "Without fine-tuning or labels",
  C: "Single weights and columns, equal epochs",
};
/** Rows of a track are compared with this one, seed by seed. */
const AGAINST: Partial<Record<Track, string>> = { A: SHUFFLED };

/** The tables of all tracks that have cells. */
export function tablesOf(cells: readonly DoneCell[]): string {
  const tracks = (Object.keys(TITLES) as Track[]).filter((track) => cells.some((cell) => cell.track === track));
  return tracks.map((track) => {
    const own = cells.filter((cell) => cell.track === track);
    const levels = distinct(own, ({ level }) => level);
    return [`**${TITLES[track]}**`, ...levels.map((level) => levelTable(track, own, level))].join("\n\n");
  }).join("\n\n");
}

function levelTable(track: Track, cells: readonly DoneCell[], level: string): string {
  const here = cells.filter((cell) => cell.level === level);
  const against = AGAINST[track];
  const base = here.filter(({ method }) => method === against);
  const timed = here.some(({ speedup }) => speedup !== undefined);
  const header = [
    level,
    "seeds",
    "accuracy, %",
    ...against ? [`− ${against}, points`] : [],
    "− dense, points",
    "parameters",
    "MACs",
    ...timed ? ["faster"] : [],
  ];
  const rows = distinct(here, ({ method }) => method).map((method) => {
    const own = here.filter((cell) => cell.method === method);
    const paired = own.flatMap(({ seed, accuracy }) =>
      base.filter((other) => other.seed === seed).map((other) => accuracy - other.accuracy)
    );
    const known = own.flatMap(({ speedup }) => speedup === undefined ? [] : [speedup]);
    return [
      method,
      String(own.length),
      withDeviation(own.map(({ accuracy }) => accuracy)),
      ...against ? [method === against || paired.length === 0 ? "–" : inPercent(seedMean(paired))] : [],
      inPercent(seedMean(own.map(({ accuracy, dense }) => accuracy - dense))),
      part(own.map(({ params }) => params)),
      part(own.map(({ macs }) => macs)),
      ...timed ? [known.length === 0 ? "–" : `${seedMean(known).mean.toFixed(2)}×`] : [],
    ];
  });
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map((_, i) => i === 0 ? "---" : "---:")), ...rows.map(line)].join("\n");
}

/** "97.22 (0.31)": the mean in per cent with the standard deviation over seeds. */
function withDeviation(values: readonly number[]): string {
  const { mean } = seedMean(values);
  if (values.length === 1) return (100 * mean).toFixed(2);
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1);
  return `${(100 * mean).toFixed(2)} (${(100 * Math.sqrt(variance)).toFixed(2)})`;
}

function part(values: readonly number[]): string {
  return seedMean(values).mean.toFixed(3);
}

function distinct(cells: readonly DoneCell[], of: (cell: DoneCell) => string): string[] {
  return [...new Set(cells.map(of))];
}
