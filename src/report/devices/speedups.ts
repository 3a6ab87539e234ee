/** What pruning bought on a device: dense ÷ pruned of each network and batch size that has both. */
import type { Row } from "../../measure/session/types.ts";

export interface Speed {
  readonly network: string;
  readonly batch: number;
  readonly dense: Row;
  readonly pruned: Row;
  /** Of the medians; undefined where one is missing or in doubt. */
  readonly ratio?: number;
  /** Of the multiply-adds: what the ratio could be at best, were all of the time spent on them. */
  readonly macs: number;
}

/** Rows by network and batch size, each pair once, in the order of the first row; later rows take the place of earlier ones. */
export function speeds(rows: readonly Row[]): Speed[] {
  const keys = new Map(rows.map(({ network, batch }) => [JSON.stringify([network, batch]), { network, batch }]));
  return [...keys.values()].flatMap(({ network, batch }) => speedOf(rows, network, batch) ?? []);
}

/** Undefined where one of the two rows is missing. */
export function speedOf(rows: readonly Row[], network: string, batch: number): Speed | undefined {
  const last = (variant: Row["variant"]) =>
    rows.findLast((row) => row.network === network && row.batch === batch && row.variant === variant);
  const [dense, pruned] = [last("dense"), last("pruned")];
  if (!dense || !pruned) return undefined;
  const sure = dense.medianMs !== undefined && pruned.medianMs !== undefined && !dense.doubt && !pruned.doubt;
  return {
    network,
    batch,
    dense,
    pruned,
    ...sure ? { ratio: dense.medianMs! / pruned.medianMs! } : {},
    macs: pruned.macs > 0 ? dense.macs / pruned.macs : 1,
  };
}
