import { UserError } from "../errors.ts";

/** The loss became NaN or infinite. Says where, and what to try. */
export class DivergedError extends UserError {
  override readonly name = "DivergedError";
}

export function diverged(stage: string, epoch: number, epochs: number, lr: number): DivergedError {
  return new DivergedError(
    `${stage}: the loss is not a number any more in epoch ${epoch + 1} of ${epochs}, at learning rate ${
      Number(lr.toPrecision(3))
    }: try a rate of ${Number((lr / 10).toPrecision(2))}, a warm-up, or a smaller rho`,
  );
}

/** The user asked to stop. Not an error: what was reached is in the checkpoint. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}
