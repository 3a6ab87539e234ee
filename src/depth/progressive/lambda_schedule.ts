/** How λ goes from a block to its form while a network is trained. Pure. */
import { show, UserError } from "../../errors.ts";
import { chooseByKind, type KnownKeys, refuseUnknownKeys } from "../../validation/choice.ts";

/** How λ rises from 0 to 1; then it stays there. */
export interface LambdaSchedule {
  /** "linear": as it is; "cosine": slowly at both ends. */
  readonly kind: "linear" | "cosine";
  /** Part of the training's steps that it takes, above 0 and at most 1; default ½. */
  readonly fraction?: number;
}

/** What a training has where nothing is asked for. */
export const DEFAULT_LAMBDA: LambdaSchedule = { kind: "linear" };

const SHAPES: { readonly [Kind in LambdaSchedule["kind"]]: (t: number) => number } = {
  linear: (t) => t,
  cosine: (t) => 0.5 * (1 - Math.cos(Math.PI * t)),
};

const KNOWN: KnownKeys<LambdaSchedule> = { kind: true, fraction: true };

/** λ when `done` of the training is done, as a fraction in 0…1: with t = done/fraction, at most 1, linear t, cosine ½(1 − cos πt). */
export function lambdaAt({ kind, fraction = 0.5 }: LambdaSchedule, done: number): number {
  return SHAPES[kind](Math.min(1, done / fraction));
}

/** @throws UserError for a kind that doesn't exist, or a schedule longer than the training */
export function checkLambda(schedule: LambdaSchedule): void {
  chooseByKind("schedule of λ", schedule, SHAPES);
  refuseUnknownKeys(`schedule ${schedule.kind} of λ`, schedule, Object.keys(KNOWN));
  const { fraction = 0.5 } = schedule;
  if (fraction > 1) {
    throw new UserError(
      `λ would rise for ${show(fraction)} times as long as the training: its fraction may be 1 at most, such as the ` +
        "default 0.5",
    );
  }
  if (!(fraction > 0)) {
    throw new UserError(`fraction of λ is ${show(fraction)}, expected a number above 0 and at most 1`);
  }
}
