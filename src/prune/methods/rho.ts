/** Penalty coefficients of ADMM: by a schedule, or by how much of the support still changes. Pure. */

export interface RhoOptions {
  /** Z and U updates in the phase. */
  readonly updates: number;
  /** Optimizer steps between two updates. */
  readonly stepsPerUpdate: number;
  /** Learning rate averaged over a period. */
  readonly lr: number;
  /** Of SGD; 0 for Adam, whose step doesn't add up over a momentum. */
  readonly momentum: number;
  /** The last period's ρ; "auto" derives it. */
  readonly final: number | "auto";
}

/**
 * ρ of each period, rising geometrically by a factor of 100 and staying at its last value for two periods: by then the
 * choice of groups has settled, and the second one only closes the gap. "auto" ends at ρ_T = 5/(lr_eff·S), lr_eff =
 * lr/(1−momentum): a period at ρ_T then shrinks a gap by e⁻⁵, whatever the network and the budget (docs/pipeline.md).
 */
export function rhoSchedule({ updates, stepsPerUpdate, lr, momentum, final }: RhoOptions): number[] {
  const last = final === "auto" ? 5 * (1 - momentum) / (lr * stepsPerUpdate) : final;
  const rising = Math.max(1, updates - 1);
  return Array.from({ length: updates }, (_, i) => last * 0.01 ** (1 - Math.min(1, (i + 1) / rising)));
}

/** A share of groups above which the support changes a lot, and one above which it still changes; ALPS's (arXiv 2406.07831). */
const MUCH = 0.1;
const SOME = 0.005;

/**
 * ρ of the period behind update `period` (from 0), by the share of all groups that this update has chosen otherwise than the one
 * before. Between the first and the last ρ of a schedule it rises by the schedule's own step to the power of 1½ where more than a
 * tenth has changed, 1 above half a hundredth, ½ below: in the proportions of ALPS's factors 1.3, 1.2 and 1.1. Where nothing has
 * changed only the gap is left to close, and ρ is the last one; so it is in the last two periods, as ever.
 *
 * @param rhos of `rhoSchedule`
 */
export function rhoBySupport(rhos: readonly number[], period: number, rho: number, change: number): number {
  const last = rhos[rhos.length - 1];
  if (change === 0 || period + 1 >= rhos.length - 2) return last;
  const step = (last / rhos[0]) ** (1 / Math.max(1, rhos.length - 2));
  const power = change > MUCH ? 1.5 : change > SOME ? 1 : 0.5;
  return Math.min(last, rho * step ** power);
}
