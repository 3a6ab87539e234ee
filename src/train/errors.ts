import { UserError } from "../errors.ts";

/** The loss became NaN or infinite. Says where, and what to try. */
export class DivergedError extends UserError {
  override readonly name = "DivergedError";
}

export interface Divergence {
  /** What was being trained: "train", "admm 1/2". */
  readonly stage: string;
  /** From 0. */
  readonly epoch: number;
  readonly epochs: number;
  /** At that moment, and as the recipe has it. */
  readonly lr: number;
  readonly base: number;
  /** Whether ADMM was pulling at the weights. */
  readonly pulled: boolean;
}

export function diverged({ stage, epoch, epochs, lr, base, pulled }: Divergence): DivergedError {
  const [rate, tenth] = [Number(lr.toPrecision(3)), Number((base / 10).toPrecision(2))];
  const remedies = `an optimizer.lr of ${tenth}, a warm-up${pulled ? ", or a smaller rho" : ""}`;
  return new DivergedError(
    `${stage}: the loss is not a number any more in epoch ${epoch + 1} of ${epochs}, at learning rate ${rate}: ` +
      `try ${remedies}, in a new run`,
  );
}

/** The user asked to stop. Not an error: what was reached is in the checkpoint. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}
