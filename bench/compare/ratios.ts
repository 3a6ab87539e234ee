/** What two checkouts' times say about each other. Pure. */
import { median } from "../../src/measure/stats.ts";

/** Times of one row, taken in turns: sample `i` of either checkout followed the other's. */
export interface Samples {
  readonly beforeMs: readonly number[];
  readonly afterMs: readonly number[];
}

/** The samples of one process, by the row's name. Every round has the same rows. */
export type Round = Readonly<Record<string, Samples>>;

export interface RowRatio {
  readonly name: string;
  /** Medians of the rounds' medians. */
  readonly beforeMs: number;
  readonly afterMs: number;
  /** Median of the rounds' ratios, each of them the median of after / before over its samples: below 1 is faster now. */
  readonly ratio: number;
  /** Rounds in which the ratio was above the limit. */
  readonly above: number;
}

export interface Comparison {
  readonly rows: readonly RowRatio[];
  /** Of the rows' ratios. */
  readonly geometricMean: number;
}

/** Ratios of all rows; `limit` is what counts as above. */
export function compareRounds(rounds: readonly Round[], limit: number): Comparison {
  const rows = Object.keys(rounds[0]).map((name): RowRatio => {
    const samples = rounds.map((round) => round[name]);
    const ratios = samples.map(({ beforeMs, afterMs }) => median(afterMs.map((ms, i) => ms / beforeMs[i])));
    return {
      name,
      beforeMs: median(samples.map(({ beforeMs }) => median(beforeMs))),
      afterMs: median(samples.map(({ afterMs }) => median(afterMs))),
      ratio: median(ratios),
      above: ratios.filter((ratio) => ratio > limit).length,
    };
  });
  const logs = rows.reduce((sum, { ratio }) => sum + Math.log(ratio), 0);
  return { rows, geometricMean: Math.exp(logs / rows.length) };
}
