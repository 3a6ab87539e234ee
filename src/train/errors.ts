import { UserError } from "../errors.ts";
import type { Training } from "./types.ts";

/** Training has left the finite numbers. Says what has, where, at which rate, and what to try. */
export class DivergedError extends UserError {
  /** The class by name, also after bundling. */
  override readonly name = "DivergedError";
}

/**
 * @param what has diverged, as a sentence without its end: "the loss is not a number any more"
 * @param epoch from 1
 */
export function diverged({ name, epochs, lr, settings, state }: Training, epoch: number, what: string): DivergedError {
  const [rate, tenth] = [Number(lr.toPrecision(3)), Number((settings.lr / 10).toPrecision(2))];
  const remedies = `a smaller optimizer.lr (such as ${tenth})${
    state.target ? ", a warm-up or a smaller rho" : " or a warm-up"
  }`;
  return new DivergedError(
    `${name}: ${what} in epoch ${epoch} of ${epochs}, at learning rate ${rate}: try ${remedies}, in a new run`,
  );
}

/** The user asked to stop. Not an error: what was reached is in the checkpoint. */
export class Interrupted extends Error {
  /** The class by name, also after bundling. */
  override readonly name = "Interrupted";
}
