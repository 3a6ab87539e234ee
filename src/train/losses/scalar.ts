import { show, UserError } from "../../errors.ts";

/** A number, or how it changes over a training: a function of the epochs done, with the fraction of the one in progress. */
export type Scalar = number | ((epoch: number) => number);

/** @throws UserError where it isn't a finite number */
export function valueAt(what: string, scalar: Scalar, epoch: number): number {
  const value = typeof scalar === "function" ? scalar(epoch) : scalar;
  if (!Number.isFinite(value)) throw new UserError(`${what} is ${show(value)}, expected a finite number`);
  return value;
}
