/** Which stage may stand where: what the schema of a single stage can't say. */
import { UserError } from "../errors.ts";
import type { Recipe } from "./schema.ts";

/** Throws UserError for stages that could only fail once those before them had run, maybe hours later. */
export function checkOrder({ name, stages }: Recipe): void {
  if (stages[0].kind !== "train") {
    throw new UserError(
      `recipe ${name}: stages.0 is ${stages[0].kind}, expected train: what it trains is the baseline`,
    );
  }
  const prunes = stages.findIndex(({ kind }) => kind === "admm" || kind === "magnitude" || kind === "random");
  const controls = stages.findIndex(({ kind }) => kind === "controls");
  if (controls >= 0 && !(prunes >= 0 && prunes < controls)) {
    throw new UserError(
      `recipe ${name}: stages.${controls}: controls repeat the pruning before them, and there is none: ` +
        `put an admm, magnitude or random stage before`,
    );
  }
}
