/** How long work still takes, as the page says it while it goes on. */
import { duration } from "./format.ts";

/** Told at a time of performance.now(). */
export interface Left {
  readonly seconds: number;
  readonly atMs: number;
}

export interface Told {
  readonly done: number;
  readonly total: number;
  /** What the work itself says. */
  readonly secondsLeft?: number;
}

/**
 * What the work says, or else the pace since it began; undefined as long as neither tells anything.
 *
 * @param sinceMs when it began, as `nowMs` by performance.now()
 */
export function leftOf({ done, total, secondsLeft }: Told, sinceMs: number, nowMs: number): Left | undefined {
  if (secondsLeft !== undefined) return { seconds: secondsLeft, atMs: nowMs };
  if (done <= 0) return undefined;
  return { seconds: (nowMs - sinceMs) / 1000 / done * Math.max(0, total - done), atMs: nowMs };
}

/** Counts down from what was told last. */
export function leftWords(left: Left | undefined, nowMs: number): string {
  if (!left) return "time left: not known yet";
  const seconds = Math.round(left.seconds - (nowMs - left.atMs) / 1000);
  if (seconds < 1) return "a moment left";
  // Tenths of a guess say nothing.
  return seconds < 10 ? `about ${seconds}\u00a0s left` : `about ${duration(seconds)} left`;
}
