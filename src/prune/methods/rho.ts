/** Penalty coefficients of ADMM. Pure. */

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
