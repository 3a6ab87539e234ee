/** What two checkouts' times say about each other. Pure. */
import { median } from "../../src/measure/stats.ts";

/** Row -> ms, of one run of a suite. */
export type Times = ReadonlyMap<string, number>;

/** Runs of both checkouts that followed each other. */
export interface Round {
  readonly before: Times;
  readonly after: Times;
}

export interface RowRatio {
  readonly name: string;
  /** Medians over the rounds. */
  readonly beforeMs: number;
  readonly afterMs: number;
  /** Median of after / before over the rounds: below 1 is faster now. */
  readonly ratio: number;
  /** Rounds in which the ratio was above the limit. */
  readonly above: number;
}

export interface Comparison {
  readonly rows: readonly RowRatio[];
  /** Of the rows' ratios. */
  readonly geometricMean: number;
  /** Rows that only one of the checkouts has, or that weren't measured in every round. */
  readonly left: readonly string[];
}

/** Ratios of the rows that both checkouts measured in every round; `limit` is what counts as above. */
export function compareRounds(rounds: readonly Round[], limit: number): Comparison {
  const runs = rounds.flatMap(({ before, after }) => [before, after]);
  const names = [...new Set(runs.flatMap((times) => [...times.keys()]))];
  const common = names.filter((name) => runs.every((times) => times.has(name)));
  const rows = common.map((name): RowRatio => {
    const before = rounds.map((round) => round.before.get(name)!),
      after = rounds.map((round) => round.after.get(name)!);
    const ratios = after.map((ms, i) => ms / before[i]);
    return {
      name,
      beforeMs: median(before),
      afterMs: median(after),
      ratio: median(ratios),
      above: ratios.filter((ratio) => ratio > limit).length,
    };
  });
  const logs = rows.reduce((sum, { ratio }) => sum + Math.log(ratio), 0);
  const left = names.filter((name) => !common.includes(name));
  return { rows, geometricMean: Math.exp(logs / rows.length), left };
}
