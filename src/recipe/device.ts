/**
 * The latency tables of the device that a recipe prunes for. The record is copied into the run's folder when the run
 * begins: what is gone on with, or verified, must not depend on a file that changes when the phone is measured again.
 */
import { UserError } from "../errors.ts";
import type { Model } from "../graph/types.ts";
import { type Estimate, latencyEstimate, unfitTable } from "../measure/latency/estimate.ts";
import type { LatencyTable } from "../measure/latency/types.ts";
import { readDeviceRecord } from "../report/devices/schema.ts";
import { joinPath } from "../store/path.ts";
import type { Store } from "../store/types.ts";
import type { Budget } from "./constraints.ts";
import type { Recipe } from "./schema.ts";
import type { Ui } from "./ui.ts";

export const DEVICE_FILE = "device.json";

/**
 * The tables of the run's own copy, or of the recipe's device, which is copied then. None where no budget is in ms.
 * @throws UserError where a budget is in ms and there is no record, or it can't be read
 */
export async function openTables(recipe: Recipe, store: Store, dir: string, ui: Ui): Promise<readonly LatencyTable[]> {
  const timed = recipe.stages.findIndex((stage) => "budget" in stage && stage.budget?.ms !== undefined);
  if (timed < 0) return [];
  const own = joinPath(dir, DEVICE_FILE);
  const kept = await store.read(own);
  if (kept) return readDeviceRecord(kept, own).tables ?? [];
  if (recipe.device === undefined) {
    throw new UserError(
      `stages.${timed}: a budget in ms needs a device's latency table: give its record with --device ` +
        `runs/devices/<name>.json (the phone page builds tables, and so does \`secateur time --table\`)`,
    );
  }
  const bytes = await store.read(recipe.device);
  if (!bytes) throw new UserError(`${recipe.device}: no such file; expected a device's record with latency tables`);
  const record = readDeviceRecord(bytes, recipe.device);
  if (!record.tables?.length) {
    throw new UserError(`${recipe.device}: has no latency tables: build one for this network on the device`);
  }
  if (record.device?.fallback) ui.warn(`${recipe.device} was measured on a software adapter: its times are no phone's`);
  await store.write(own, bytes);
  return record.tables;
}

/**
 * What networks take by the table at the budget's batch that has `model`'s layers.
 * @throws UserError where none has: which there are, and what the nearest lacks
 */
export function estimateFor(tables: readonly LatencyTable[], budget: Budget, model: Model): Estimate {
  return latencyEstimate(tableFor(tables, budget, model));
}

/** How far a table's sum over the whole model may be from what the whole model took. */
const FAR = 1.3;

/** Warns where a table's sum is far from what it says of the whole: then what comes out is as far from what was asked. */
export function warnOfTable(tables: readonly LatencyTable[], budget: Budget, model: Model, ui: Ui): void {
  const table = tableFor(tables, budget, model);
  const sum = latencyEstimate(table)(model);
  const ratio = sum / table.wholeMs;
  if (ratio <= FAR && ratio >= 1 / FAR) return;
  const [estimated, measured] = [sum, table.wholeMs].map((ms) => Number(ms.toPrecision(3)));
  ui.warn(
    `by the device's table the network's layers add up to ${estimated} ms, and the whole took ${measured} ms when the ` +
      `table was built: times by it are off by as much; build it again while the device does nothing else`,
  );
}

function tableFor(tables: readonly LatencyTable[], { batch = 1 }: Budget, model: Model): LatencyTable {
  const alike = tables.filter((table) => table.batch === batch);
  const fitting = alike.find((table) => unfitTable(table, model) === undefined);
  if (fitting) return fitting;
  const there = tables.map((table) => `${table.model} at batch ${table.batch}`).join(", ") || "none";
  const lack = alike.length > 0 ? `: ${unfitTable(alike[0], model)}` : "";
  throw new UserError(
    `the device's record has no latency table for "${model.graph.name}" at batch ${batch} (there are: ${there})${lack}`,
  );
}
