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
   * Where trials pause and are compared: epochs over all stages of rung `rung`; undefined trains to the end without a pause.
   * Rungs rise in their epochs, and a trial whose recipe ends before one is done there.
   * @param before epochs of the stages before the first that varies, which trials share
   */
  epochsOf(rung: number, before: number): number | undefined;
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
    epochsOf: () => undefined,
    decide(trials) {
      return new Map(trials.filter(({ state }) => state === "waiting").map(({ id }) => [id, "promote"]));
    },
  };
}
