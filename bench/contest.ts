/**
 * A contest between implementations of the same work: nobody's time counts before all have been shown to compute the
 * same thing, and every round measures everybody, in an order that rotates. No GPU in here, and no clock of its own.
 */
import { mad, median } from "../src/measure/stats.ts";

/** One implementation, ready to run, with a state that `run` moves on. */
export interface Contestant {
  readonly name: string;
  readonly version: string;
  /** Does `steps` steps of work and then reads one number, that of the last step: its loss. */
  run(steps: number): Promise<number>;
  dispose(): void;
}

/** One that can't take part, and why: shown, never hidden. */
export interface Absent {
  readonly name: string;
  readonly version: string;
  readonly reason: string;
}

export interface Sample {
  readonly name: string;
  readonly msPerStep: number;
}

export interface Standing {
  readonly name: string;
  readonly medianMs: number;
  readonly madMs: number;
  /** Median over that of the first contestant. */
  readonly ratio: number;
  readonly samples: number;
}

/** A finished contest. A record whose results have `contests` has them drawn on the page of the results. */
export interface Contest {
  /** Unique in its record: "GEMM 512×512×512". */
  readonly title: string;
  readonly ranks: readonly Standing[];
  readonly missing: readonly Absent[];
  /** What the first contestant set out to reach, and whether it did: "≥ 2.5× tfjs-webgpu: yes, 6.1×". */
  readonly goals?: readonly string[];
}

/** The order of round `round`: everybody is first, second, … equally often. */
export function rotated<T>(items: readonly T[], round: number): T[] {
  return items.map((_, i) => items[(i + round) % items.length]);
}

/** Opens contestants one by one; one that throws becomes an absent one with the reason. */
export async function gather(
  entries: readonly { name: string; version: string; open: () => Promise<Contestant> }[],
): Promise<{ contestants: Contestant[]; absent: Absent[] }> {
  const contestants: Contestant[] = [];
  const absent: Absent[] = [];
  for (const { name, version, open } of entries) {
    try {
      contestants.push(await open());
    } catch (error) {
      absent.push({ name, version, reason: firstLine(error) });
    }
  }
  return { contestants, absent };
}

/** How many samples of `ms` each fit into a budget: one at least, and no more than `rounds`. */
export function turnsWithin(budgetMs: number, ms: number, rounds: number): number {
  return Math.max(1, Math.min(rounds, Math.ceil(budgetMs / ms)));
}

/** What a contestant showed before its time counted. */
export interface Trial {
  readonly name: string;
  /** The loss of each step, from the first. */
  readonly losses: readonly number[];
  /** The time of the first step, compilation included. */
  readonly firstMs: number;
  /** The fastest step, with its read. */
  readonly stepMs: number;
}

export interface Agreement {
  readonly steps: number;
  /** Between losses of the same step. */
  readonly tolerance: number;
  /** Whose steps take longer is compared over `fewSteps` only. */
  readonly patienceMs: number;
  readonly fewSteps: number;
  /** Milliseconds, from anywhere. */
  readonly now: () => number;
}

/**
 * Trains each contestant from its initial state, the first in full. Those with a loss, at any step, farther than
 * `tolerance` from the first contestant's are returned as `apart`: they did something else, or did it wrong.
 */
export async function agree(
  contestants: readonly Contestant[],
  rules: Agreement,
): Promise<{ trials: Trial[]; agreed: Contestant[]; apart: Absent[] }> {
  const trials: Trial[] = [];
  const agreed: Contestant[] = [];
  const apart: Absent[] = [];
  for (const contestant of contestants) {
    const { name, version } = contestant;
    try {
      const trial = await tried(contestant, trials.length === 0 ? { ...rules, patienceMs: Infinity } : rules);
      trials.push(trial);
      const off = Math.max(...trial.losses.map((loss, i) => Math.abs(loss - trials[0].losses[i])));
      const steps = trial.losses.length;
      if (off <= rules.tolerance) agreed.push(contestant);
      else apart.push({ name, version, reason: `its loss is ${off.toExponential(1)} away within ${steps} steps` });
    } catch (error) {
      apart.push({ name, version, reason: firstLine(error) });
    }
  }
  return { trials, agreed, apart };
}

async function tried(contestant: Contestant, { steps, patienceMs, fewSteps, now }: Agreement): Promise<Trial> {
  const losses: number[] = [];
  const took: number[] = [];
  // The first step compiles, and the second one may once more, for weights that lie otherwise now.
  for (let until = steps; losses.length < until;) {
    const start = now();
    losses.push(await contestant.run(1));
    took.push(now() - start);
    if (took.length === fewSteps && took.at(-1)! > patienceMs) until = fewSteps;
  }
  return { name: contestant.name, losses, firstMs: took[0], stepMs: Math.min(...took) };
}

/** Medians and spreads, in the order of `contestants`; ratios to the first. */
export function standings(contestants: readonly { name: string }[], samples: readonly Sample[]): Standing[] {
  const times = contestants.map(({ name }) => samples.filter((s) => s.name === name).map((s) => s.msPerStep));
  const medians = times.map(median);
  return contestants.map(({ name }, i) => ({
    name,
    medianMs: medians[i],
    madMs: mad(times[i]),
    ratio: medians[i] / medians[0],
    samples: times[i].length,
  }));
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0];
}
