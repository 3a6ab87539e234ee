import type { Callback } from "../../train/types.ts";
import { checkLambda, lambdaAt, type LambdaSchedule } from "./lambda_schedule.ts";

/**
 * Sets λ before each step of a training, by the part of its steps that is done, and logs what it is at the end of each epoch
 * as `lambda`. It remembers nothing: λ follows from where the training stands.
 *
 * @throws UserError for a schedule that can't be
 */
export function mixing(schedule: LambdaSchedule): Callback {
  checkLambda(schedule);
  return {
    name: "lambda",
    beforeStep(step, { epochs }) {
      step.mix = lambdaAt(schedule, step.epoch / epochs);
    },
    afterEpoch: ({ epoch, epochs }) => Promise.resolve({ lambda: lambdaAt(schedule, epoch / epochs) }),
  };
}
