/** The tables of docs/methods.md, of the cells that are done. Pure. */
import { inPercent, seedMean } from "../experiments/seeds.ts";
import type { DoneCell, Track } from "./cell.ts";
import { BY_CURVES, SHUFFLED } from "./criteria_track.ts";

/** For each track: what its rows are held against, and what it shows. */
const TITLES: Readonly<Record<Track, string>> = {
  A: "Criteria, one fine-tuning for all",
  B: "Without fine-tuning or labels",
  C: "Single weights and columns, equal epochs",
};
/** Rows of a track are compared with this one, seed by seed. */
const AGAINST: Partial<Record<Track, string>> = { A: SHUFFLED };

/**
 * The tables of all tracks that have cells.
 *
 * @param pictures what is shown before a track's tables
 */
export function tablesOf(cells: readonly DoneCell[], pictures: (track: Track) => readonly string[] = () => []): string {
  const tracks = (Object.keys(TITLES) as Track[]).filter((track) => cells.some((cell) => cell.track === track));
  return tracks.map((track) => {
    const own = cells.filter((cell) => cell.track === track);
    const levels = distinct(own, ({ level }) => level);
    const tables = levels.map((level) => levelTable(track, own, level));
    return [`**${TITLES[track]}**`, ...pictures(track), ...tables, ...pairTable(own, BY_CURVES, "l2")].join("\n\n");
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
    const paired = differences(own, base);
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
  return markdownTable([header, ...rows]);
}

/** What one method gains over another, seed by seed; nothing where a level has no pair of them. */
function pairTable(cells: readonly DoneCell[], method: string, against: string): string[] {
  const rows = distinct(cells, ({ level }) => level).flatMap((level) => {
    const here = cells.filter((cell) => cell.level === level);
    const paired = differences(
      here.filter((cell) => cell.method === method),
      here.filter((cell) => cell.method === against),
    );
    return paired.length === 0 ? [] : [[level, String(paired.length), inPercent(seedMean(paired))]];
  });
  return rows.length === 0 ? [] : [markdownTable([[method, "pairs", `− ${against}, points`], ...rows])];
}

/** Seed by seed. */
function differences(of: readonly DoneCell[], against: readonly DoneCell[]): number[] {
  return of.flatMap(({ seed, accuracy }) =>
    against.filter((other) => other.seed === seed).map((other) => accuracy - other.accuracy)
  );
}

/** The first row is the header; the first column has words. */
function markdownTable([header, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map((_, i) => i === 0 ? "---" : "---:")), ...rows.map(line)].join("\n");
}

/** "97.22 (0.31)": the mean in per cent with the standard deviation over seeds. */
function withDeviation(values: readonly number[]): string {
  const { mean } = seedMean(values);
  if (values.length === 1) return (100 * mean).toFixed(2);
  return `${(100 * mean).toFixed(2)} (${(100 * deviationOf(values)).toFixed(2)})`;
}

/** The standard deviation over seeds, of at least two. */
export function deviationOf(values: readonly number[]): number {
  const { mean } = seedMean(values);
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1));
}

function part(values: readonly number[]): string {
  return seedMean(values).mean.toFixed(3);
}

/** What the cells have, in their order. */
export function distinct(cells: readonly DoneCell[], of: (cell: DoneCell) => string): string[] {
  return [...new Set(cells.map(of))];
}
