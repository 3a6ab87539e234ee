/** How far a run is, and how long it will still take, by the work that it has done and that is left. */
import { sharedSeconds } from "./doctor_time.ts";
import type { WorkPart } from "./run_work.ts";

/** Tuning may take so much of the time of work, as far as it is expected (src/measure/tune_budget.ts). */
const MOST_ASIDE = 0.1;
/** Before so much of the work is done, nothing is said of the time that is left. */
const FIRST_ESTIMATE = 0.02;

/** One part of the run while it goes on. */
export interface PartProgress {
  /** So much of this try is done, in 0…1. */
  at(fraction: number): void;
  /** It goes on no more. */
  end(): void;
}

export interface RunProgress {
  /** The run is at this stage: all parts of earlier ones are behind it. */
  enter(stage: number): void;
  /**
   * Something of this label begins in the stage that the run is at, where `from` in 0…1 was done by an earlier process.
   * What isn't a part of the work, such as tuning, doesn't bring the run on, and its time isn't taken for that of work.
   */
  begin(label: string, from?: number): PartProgress;
  /** In 0…1 of the time that the whole run takes; it never goes back. */
  fraction(): number;
  /** In seconds; undefined as long as too little is done to tell. */
  left(): number | undefined;
}

/**
 * The time that is left: passes that are left at the pace of those that were done, and what the recipe sets itself.
 *
 * @param worked what was done in this process: forward passes, how long they took, and what was done beside them
 */
export function secondsLeft(
  worked: { readonly passes: number; readonly seconds: number; readonly aside: number },
  left: { readonly passes: number; readonly seconds: number },
): number {
  const aside = Math.min(MOST_ASIDE, worked.aside / worked.seconds);
  return left.passes * worked.seconds / worked.passes * (1 + aside) + left.seconds;
}

/** @param now milliseconds, monotonic */
export function runProgress(parts: readonly WorkPart[], now: () => number = () => performance.now()): RunProgress {
  const total = parts.reduce((sum, { passes }) => sum + passes, 0);
  const done = parts.map(() => 0);
  const tried = parts.map(() => 0);
  const worked = { passes: 0, seconds: 0, aside: 0 };
  let current = 0;
  let shown = 0;
  // Time counts from the first work on, and stands still while something else goes on.
  let since: number | undefined;
  /** When something first began. */
  let started: number | undefined;
  const count = () => {
    if (since !== undefined) worked.seconds += (now() - since) / 1000;
    since = now();
  };

  const left = () =>
    parts.reduce((sum, { passes, seconds, share }, i) => ({
      passes: sum.passes + passes * (1 - done[i]),
      seconds: sum.seconds + (share ? 0 : seconds * (1 - done[i])),
    }), { passes: 0, seconds: 0 });
  const time = () => {
    if (worked.passes === 0 || worked.passes < FIRST_ESTIMATE * total) return undefined;
    const rest = secondsLeft(worked, left());
    const others = (now() - (started ?? now())) / 1000 + rest;
    return parts.reduce(
      (sum, { seconds, share }, i) => share ? sum + sharedSeconds(seconds, share, others) * (1 - done[i]) : sum,
      rest,
    );
  };

  return {
    enter(stage) {
      current = stage;
      parts.forEach((part, i) => {
        if (part.stage < stage) done[i] = 1;
      });
    },
    begin(label, from = 0) {
      started ??= now();
      const i = parts.findIndex((part) =>
        part.stage === current && (label === part.label || label.startsWith(`${part.label},`))
      );
      if (i < 0 || parts[i].passes === 0) {
        // Neither tuning nor what the recipe times itself says how fast passes are.
        if (since !== undefined) count();
        since = undefined;
        const start = now();
        return {
          at: (fraction) => {
            if (i >= 0) done[i] = fraction;
          },
          end() {
            if (i < 0) worked.aside += (now() - start) / 1000;
            since = worked.passes > 0 ? now() : undefined;
          },
        };
      }
      const { tries, passes } = parts[i];
      const earlier = Math.min(tries - 1, tried[i]++);
      const whole = (fraction: number) => Math.max(done[i], Math.min(1, (earlier + fraction) / tries));
      done[i] = whole(from);
      since ??= now();
      return {
        at(fraction) {
          count();
          const next = whole(fraction);
          worked.passes += passes * (next - done[i]);
          done[i] = next;
        },
        end: count,
      };
    },
    fraction() {
      const { passes } = left();
      const rest = time();
      const elapsed = worked.seconds + (total - passes - worked.passes) * worked.seconds / Math.max(1, worked.passes);
      const now = rest === undefined ? (total > 0 ? 1 - passes / total : 0) : elapsed / Math.max(1e-9, elapsed + rest);
      return shown = Math.max(shown, Math.min(1, now));
    },
    left: time,
  };
}
