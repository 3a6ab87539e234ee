/** The schedule `restart` begins at the rate that the network was trained at: the recipe's own training says which. */
import { UserError } from "../errors.ts";
import type { Stage } from "./registry.ts";
import type { Retrain } from "./training.ts";

type Trains = Pick<Retrain, "schedule">;

/** The stages with each restart's rate filled in from the last train stage before it; as it was where there is none. */
export function fillRestarts(stages: readonly Stage[]): Stage[] {
  return stages.map((stage, i) => {
    const trained = stages.slice(0, i).findLast((before) => before.kind === "train");
    if (!trained) return stage;
    const { lr } = trained.optimizer;
    let filled = "schedule" in stage ? restarted(stage, lr) : stage;
    if ("retrain" in filled && filled.retrain) filled = { ...filled, retrain: restarted(filled.retrain, lr) };
    return filled;
  });
}

/** @throws UserError where nothing says at which rate a restart begins */
export function checkRestarts(recipe: string, stages: readonly Stage[]): void {
  stages.forEach((stage, i) => {
    for (const trains of [stage, "retrain" in stage ? stage.retrain : undefined]) {
      const schedule = trains && "schedule" in trains ? trains.schedule : undefined;
      if (schedule?.kind !== "restart" || schedule.rate !== undefined) continue;
      throw new UserError(
        `recipe ${recipe}: stages.${i}: the schedule restart begins at the rate of the train stage before it, and there is ` +
          "none: give its rate",
      );
    }
  });
}

function restarted<T extends Trains>(trains: T, rate: number): T {
  const { schedule } = trains;
  if (schedule.kind !== "restart" || schedule.rate !== undefined) return trains;
  return { ...trains, schedule: { ...schedule, rate } };
}
