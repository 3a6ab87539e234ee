/**
 * The latency tables of the device that a recipe prunes for. The record is copied into the run's folder when the run
 * begins: what is gone on with, or verified, must not depend on a file that changes when the phone is measured again.
 */
import { UserError } from "../errors.ts";
import type { Model } from "../graph/types.ts";
import { tableFor } from "../measure/latency/choose.ts";
import { latencyEstimate, unfitTable } from "../measure/latency/estimate.ts";
import type { LatencyTable } from "../measure/latency/types.ts";
import type { Recipe } from "../recipe/schema.ts";
import { readDeviceRecord } from "../report/devices/schema.ts";
import { joinPath } from "../store/path.ts";
import type { Store } from "../store/types.ts";
import type { Ui } from "../ui.ts";

/** A budget in ms, as a stage has it. */
export interface TimedBudget {
  readonly ms?: number;
  readonly batch?: number;
}

/** The last budget in ms of a recipe, by which a report tells the network's time; undefined where there is none. */
export function timedBudget({ stages }: Pick<Recipe, "stages">): TimedBudget | undefined {
  return stages.map(timed).findLast((budget) => budget !== undefined);
}

function timed(stage: Recipe["stages"][number]): TimedBudget | undefined {
  return "budget" in stage && stage.budget?.ms !== undefined ? stage.budget : undefined;
}

/** What the network takes by the table of that budget, in ms; or why the table can't price it. */
export function timeByTable(
  tables: readonly LatencyTable[],
  budget: TimedBudget,
  { dense, model }: { readonly dense: Pick<Model, "graph">; readonly model: Pick<Model, "graph"> },
): number | string {
  const table = tableFor(tables, budget, dense);
  return unfitTable(table, model) ?? latencyEstimate(table)(model);
}

export const DEVICE_FILE = "device.json";

/**
 * The tables of the run's own copy, or of the recipe's device, which is copied then. None where no budget is in ms, and no stage
 * chooses by what takes less on a device that the recipe names.
 * @throws UserError where a budget is in ms and there is no record, or it can't be read
 */
export async function openTables(recipe: Recipe, store: Store, dir: string, ui: Ui): Promise<readonly LatencyTable[]> {
  const asking = recipe.stages.findIndex((stage) => timed(stage));
  const compares = recipe.stages.some((stage) =>
    (stage.kind === "subnet" && stage.border === "auto") || (stage.kind === "merge" && stage.layers === "auto")
  );
  if (asking < 0 && !(compares && recipe.device !== undefined)) return [];
  const own = joinPath(dir, DEVICE_FILE);
  const kept = await store.read(own);
  if (kept) return readDeviceRecord(kept, own).tables ?? [];
  if (recipe.device === undefined) {
    throw new UserError(
      `stages.${asking}: a budget in ms needs a device's latency table: give its record with --device ` +
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
