/** Decides which of a device's latency tables prices a network, and how far it can be trusted. */
import { UserError } from "../../errors.ts";
import type { Model } from "../../graph/types.ts";
import { type Estimate, latencyEstimate, unfitTable } from "./estimate.ts";
import type { LatencyTable } from "./types.ts";

/** This is what asks for a time: a budget in ms. */
interface Timed {
  /** So many images run at once, by default 1. */
  readonly batch?: number;
}

/**
 * Estimates what networks take by the table at the budget's batch that has `model`'s layers, in ms.
 * @throws UserError where none has: it says which there are, and what the nearest lacks
 */
export function estimateFor(tables: readonly LatencyTable[], budget: Timed, model: Model): Estimate {
  return latencyEstimate(tableFor(tables, budget, model));
}

/** A table's sum over the whole model may be so many times what the whole model took, or as much less. */
const FAR = 1.3;

/**
 * Warns where a table's sum is far from what it says of the whole: then what comes out is as far from what was asked.
 */
export function doubtOfTable(tables: readonly LatencyTable[], budget: Timed, model: Model): string | undefined {
  const table = tableFor(tables, budget, model);
  const sum = latencyEstimate(table)(model);
  const ratio = sum / table.wholeMs;
  if (ratio <= FAR && ratio >= 1 / FAR) return undefined;
  const [estimated, measured] = [sum, table.wholeMs].map((ms) => Number(ms.toPrecision(3)));
  return `by the device's table the network's layers add up to ${estimated} ms, and the whole took ${measured} ms when ` +
    `the table was built: times by it are off by as much; build it again while the device does nothing else`;
}

/** Gives the table at this batch that has the network's layers, or undefined where none has. */
export function tableIn(
  tables: readonly LatencyTable[],
  { batch = 1 }: Timed,
  model: Pick<Model, "graph">,
): LatencyTable | undefined {
  return tables.find((table) => table.batch === batch && unfitTable(table, model) === undefined);
}

/**
 * Gives the same, where there has to be one.
 * @throws UserError where none has: it says which there are, and what the nearest lacks
 */
export function tableFor(
  tables: readonly LatencyTable[],
  { batch = 1 }: Timed,
  model: Pick<Model, "graph">,
): LatencyTable {
  const fitting = tableIn(tables, { batch }, model);
  if (fitting) return fitting;
  const alike = tables.filter((table) => table.batch === batch);
  const there = tables.map((table) => `${table.model} at batch ${table.batch}`).join(", ") || "none";
  const lack = alike.length > 0 ? `: ${unfitTable(alike[0], model)}` : "";
  throw new UserError(
    `the device's record has no latency table for "${model.graph.name}" at batch ${batch} (there are: ${there})${lack}`,
  );
}
