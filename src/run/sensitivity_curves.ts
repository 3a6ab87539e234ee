/**
 * What a network loses by each of its layers, for budgets that go by it. The file is copied into the run's folder when the run begins:
 * what is gone on with must not depend on a file that is measured anew.
 */
import { UserError } from "../errors.ts";
import type { Sensitivity } from "../prune/sensitivity/types.ts";
import type { Recipe } from "../recipe/schema.ts";
import { readSensitivity, requireWhole } from "../report/sensitivity/sensitivity_file.ts";
import { joinPath } from "../store/path.ts";
import type { Store } from "../store/types.ts";

/** The run's own copy of the file that the budget of a stage names. */
export function curvesFile(stage: number): string {
  return `sensitivity-${stage}.json`;
}

/**
 * The curves by the file that the recipe names, from the run's own copies where there are any.
 * @throws UserError where a file is missing, damaged, or of a measurement that hasn't come to its end
 */
export async function openCurves(
  { stages }: Pick<Recipe, "stages">,
  store: Store,
  dir: string,
): Promise<ReadonlyMap<string, Sensitivity>> {
  const found = new Map<string, Sensitivity>();
  for (const [i, stage] of stages.entries()) {
    const named = "budget" in stage && stage.budget && "sensitivity" in stage.budget && stage.budget.sensitivity;
    if (!named || found.has(named)) continue;
    const own = joinPath(dir, curvesFile(i));
    const kept = await store.read(own);
    const bytes = kept ?? await store.read(named);
    if (!bytes) {
      throw new UserError(
        `stages.${i}.budget: ${named}: no such file; expected what secateur sensitivity has written of this network`,
      );
    }
    const file = readSensitivity(bytes, kept ? own : named);
    requireWhole(file, named);
    if (!kept) await store.write(own, bytes);
    found.set(named, file);
  }
  return found;
}
