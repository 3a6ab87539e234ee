/**
 * The latency tables of the device that a recipe prunes for. The record is copied into the run's folder when the run
 * begins: what is gone on with, or verified, must not depend on a file that changes when the phone is measured again.
 */
import { UserError } from "../errors.ts";
import type { LatencyTable } from "../measure/latency/types.ts";
import { readDeviceRecord } from "../report/devices/schema.ts";
import { joinPath } from "../store/path.ts";
import type { Store } from "../store/types.ts";
import type { Ui } from "../ui.ts";
import type { Recipe } from "../recipe/schema.ts";

export const DEVICE_FILE = "device.json";

/**
 * The tables of the run's own copy, or of the recipe's device, which is copied then. None where no budget is in ms, and no stage
 * chooses by what takes less on a device that the recipe names.
 * @throws UserError where a budget is in ms and there is no record, or it can't be read
 */
export async function openTables(recipe: Recipe, store: Store, dir: string, ui: Ui): Promise<readonly LatencyTable[]> {
  const timed = recipe.stages.findIndex((stage) => "budget" in stage && stage.budget?.ms !== undefined);
  const compares = recipe.stages.some((stage) => stage.kind === "subnet" && stage.border === "auto");
  if (timed < 0 && !(compares && recipe.device !== undefined)) return [];
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
