import { UserError } from "../../errors.ts";
import { add, scale } from "../../tensor/ops/pointwise.ts";
import type { Loss } from "../types.ts";
import { type Scalar, valueAt } from "./scalar.ts";

/** A term of a sum. */
export interface WeightedLoss {
  /** What is weighed. */
  readonly loss: Loss;
  /** Default 1. */
  readonly weight?: Scalar;
}

/** Σ weight · loss. A graph or a frozen network that several of them look at runs once. */
export function weightedSum(terms: readonly WeightedLoss[]): Loss {
  if (terms.length === 0) throw new UserError("a sum of losses has no terms, expected at least one");
  return (step) => {
    const values = terms.map(({ loss, weight = 1 }, i) => {
      const factor = valueAt(`weight ${i} of a sum of losses`, weight, step.epoch);
      const value = loss(step);
      return factor === 1 ? value : scale(step.tape, value, factor);
    });
    return values.reduce((sum, value) => add(step.tape, sum, value));
  };
}
