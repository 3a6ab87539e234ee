/** Who says how far each trial of a sweep is trained. */
import type { Trial } from "./trial.ts";

/** What is to become of a trial that is waiting. */
export type Decision =
  /** Train it up to the next rung, or to its end behind the last rung. */
  | "promote"
  /** Others may still come that make it one of the best. */
  | "wait"
  /** It will never be promoted. */
  | "stop";

/**
 * A decision depends on the trials' finished rungs and on their order as proposed, never on the order in which jobs came back:
 * two workers, or one that was killed, must end in the same trials. Once "promote" or "stop" it stays so when more rungs are
 * finished.
 */
export interface Pruner {
  /**
   * For each trial of state "waiting", by its id.
   * @param trials all so far, in the order of their proposals
   * @param ended whether no more trials will be proposed
   */
  decide(trials: readonly Trial[], ended: "more" | "ended"): ReadonlyMap<string, Decision>;
}

/** Trains every trial to its end. */
export function noPruner(): Pruner {
  return {
    decide(trials) {
      return new Map(trials.filter(({ state }) => state === "waiting").map(({ id }) => [id, "promote"]));
    },
  };
}
