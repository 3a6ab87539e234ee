/** Which networks to try on the way to the smallest one that holds a floor of accuracy. Pure. */

/** How far the search has got. Ratios are what stays of the dense network's cost. */
export interface UntilSearch {
  /** The smallest that has held the floor. */
  readonly kept: number;
  /** The largest that hasn't; 0 while all have held. */
  readonly failed: number;
  /** What is tried now. */
  readonly asked: number;
  /** How many tries have been between the two; one more than is allowed where the ratio that failed is tried again. */
  readonly bisections: number;
}

export interface UntilSteps {
  /** Each step keeps this fraction of what the one before has kept, in (0, 1). */
  readonly step: number;
  /** Tries after the first network that didn't hold. */
  readonly bisections: number;
}

/** @param from what the network that the search begins with has of the dense one */
export function startUntil(from: number, { step }: UntilSteps): UntilSearch {
  return { kept: from, failed: 0, asked: from * step, bisections: 0 };
}

/**
 * What to try next: geometric steps while the floor holds, then √(kept·failed), which halves the way between the two in steps of
 * equal ratio, `bisections` times. Where the last of these held, the ratio that failed is tried once more, from a network that is
 * nearer to it: one failure may be bad luck, and where it holds now the steps go on from there. Undefined at the end: `kept`, or what was asked last where that held, is the smallest.
 */
export function nextUntil(search: UntilSearch, outcome: "held" | "failed", steps: UntilSteps): UntilSearch | undefined {
  const { asked, bisections } = search;
  const kept = outcome === "held" ? asked : search.kept;
  const again = bisections > steps.bisections;
  if (again && outcome === "failed") return undefined;
  if (again) return { kept, failed: 0, asked: kept * steps.step, bisections: 0 };
  const failed = outcome === "held" ? search.failed : asked;
  if (failed === 0) return { kept, failed, asked: kept * steps.step, bisections };
  if (bisections === steps.bisections) {
    return outcome === "held" ? { kept, failed, asked: failed, bisections: bisections + 1 } : undefined;
  }
  return { kept, failed, asked: Math.sqrt(kept * failed), bisections: bisections + 1 };
}

/**
 * What each layer keeps of its groups in one try at least: min(1/2, step²). Scores are of networks that have been retrained since
 * the last try, and by them a narrow layer may lose nearly all of what it has left at once, which no retraining mends.
 */
export function protectedPart({ step }: Pick<UntilSteps, "step">): number {
  return Math.min(1 / 2, step ** 2);
}
