/** Who says which trials a sweep makes. */
import type { Choices, Trial } from "./trial.ts";

/** A trial before it has a number. */
export interface Proposal {
  readonly choices: Choices;
  readonly seed: number;
  readonly parents?: readonly string[];
}

/**
 * Proposals are a fixed sequence: number k depends on the sweep's file and on the finished rungs of earlier trials, never on the
 * order in which jobs came back or on how many proposals are asked for at a time. A sampler that must know how earlier trials
 * ended waits until they are over, and gives fewer proposals than asked for, or none. A sweep that is started again asks for all
 * of them anew, so a sampler keeps no state of its own.
 */
export interface Sampler {
  /**
   * The proposals after those in `trials`, at most `count` of them.
   * @param trials all so far, in the order of their proposals; the next one has the number `trials.length`
   */
  ask(trials: readonly Trial[], count: number): readonly Proposal[];
  /** Whether no trial will ever be proposed behind these, whatever becomes of them. */
  exhausted(trials: readonly Trial[]): boolean;
}
