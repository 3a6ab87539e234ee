/**
 * One case between all contestants: numbers agree with ours before any time counts, that run is everybody's
 * warm-up, samples are long enough for the clock, and rounds rotate. Where a contestant runs (here, in a page) is its own affair.
 */
import { mad, median } from "../../src/measure/stats.ts";
import { type Absent, type Contest, rotated, standings, turnsWithin } from "../contest.ts";
import { times } from "../../src/report/format.ts";

/** How long the samples of one contestant in one case may take. */
const BUDGET_MS = 4000;

/** One implementation of one case, its operands on its device and its program compiled at the latest by the first run. */
export interface Player {
  /** Computes once and reads the result, row-major in our layout. */
  output(): Promise<Float32Array>;
  /** Milliseconds for `calls` computations and one small read that waits for them. */
  sample(calls: number): Promise<number>;
  dispose(): void;
}

export interface Entry {
  readonly name: string;
  readonly version: string;
  /** @throws with the reason, when it can't take part */
  open(): Promise<Player>;
}

export interface Rules {
  readonly rounds: number;
  /** A sample takes this long at least. */
  readonly sampleMs: number;
  /** The largest difference from our output, relative to our largest number. */
  readonly tolerance: number;
  /** Milliseconds, from anywhere. */
  readonly now: () => number;
}

export interface Result {
  readonly name: string;
  readonly version: string;
  /** Milliseconds per call, one number a round. */
  readonly samples: readonly number[];
  /** Largest difference from our output, relative to our largest number. */
  readonly apart: number;
  /** Milliseconds of the call that warmed it up, compilation and the read of all results included. */
  readonly firstMs: number;
}

export interface Outcome {
  /** Ours first, then those whose numbers agree. */
  readonly results: readonly Result[];
  readonly absent: readonly Absent[];
}

/** Where a row says what was wanted: ours at least `value` times as fast as `contestant`. */
export type Goals = Readonly<Record<string, number>>;

export interface PeerRow {
  readonly case: string;
  readonly unit: "ms";
  readonly contestant: string;
  readonly version: string;
  readonly medianMs?: number;
  readonly madMs?: number;
  readonly samples?: number;
  /** The time of the first call, compilation and the read of all results included. */
  readonly firstMs?: number;
  readonly gflops?: number;
  /** Its time over ours. */
  readonly ratio?: number;
  /** Ours is to be this many times as fast. */
  readonly goal?: number;
  readonly reached?: boolean;
  /** Why it has no time. */
  readonly note?: string;
}

/** @throws when our own contestant, the first, can't run or fails the `check` of its numbers */
export async function play(
  entries: readonly Entry[],
  { rounds, sampleMs, tolerance, now }: Rules,
  check: (output: Float32Array) => void,
): Promise<Outcome> {
  const absent: Absent[] = [];
  const able: (Result & { player: Player; calls: number; turns: number; samples: number[] })[] = [];
  let ours: Float32Array | undefined;
  for (const { name, version, open } of entries) {
    let player: Player | undefined;
    try {
      player = await open();
      const start = now();
      const output = await player.output();
      const firstMs = now() - start;
      if (!ours) check(output);
      ours ??= output;
      const apart = relativeDifference(ours, output);
      if (!(apart <= tolerance)) throw new Error(`its numbers are ${apart.toExponential(1)} away from ours`);
      const { calls, ms } = await calibrated(player, sampleMs);
      const turns = turnsWithin(BUDGET_MS, ms, rounds);
      const [left, samples] = turns > 1 ? [turns, []] : [0, [ms / calls]];
      able.push({ name, version, player, apart, firstMs, calls, turns: left, samples });
    } catch (error) {
      player?.dispose();
      if (!ours) throw error;
      absent.push({ name, version, reason: String((error as Error)?.message ?? error) });
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const { player, calls, turns, samples } of rotated(able, round)) {
      if (round < turns) samples.push(await player.sample(calls) / calls);
    }
  }
  for (const { player } of able) player.dispose();
  return { results: able.map(({ player: _, calls: __, turns: ___, ...result }) => result), absent };
}

/** How many calls make a sample long enough, and what that many took. The contestant is warm. */
async function calibrated(player: Player, sampleMs: number): Promise<{ calls: number; ms: number }> {
  let calls = 1;
  for (;;) {
    const ms = await player.sample(calls);
    if (ms >= sampleMs) return { calls, ms };
    calls = Math.max(calls + 1, Math.ceil(calls * Math.min(10, 1.2 * sampleMs / Math.max(ms, 1e-3))));
  }
}

/** max |b − a| / max |a|; infinite for other lengths and where b isn't finite. */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let [largest, off] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (!Number.isFinite(b[i])) return Infinity;
    largest = Math.max(largest, Math.abs(a[i]));
    off = Math.max(off, Math.abs(b[i] - a[i]));
  }
  return off === 0 ? 0 : off / largest;
}

/** `macs`: multiply-adds that one call asks for. */
export function rowsOf(name: string, macs: number, { results, absent }: Outcome, goals: Goals): PeerRow[] {
  const medians = results.map(({ samples }) => median(samples));
  const rows = results.map(({ name: contestant, version, samples, firstMs }, i): PeerRow => {
    const ratio = medians[i] / medians[0];
    const goal = goals[contestant];
    return {
      case: name,
      unit: "ms",
      contestant,
      version,
      medianMs: medians[i],
      madMs: mad(samples),
      samples: samples.length,
      firstMs,
      gflops: 2 * macs / medians[i] / 1e6,
      ratio,
      ...(goal === undefined ? {} : { goal, reached: ratio >= goal }),
    };
  });
  const missing = absent.map(({ name: contestant, version, reason }): PeerRow => ({
    case: name,
    unit: "ms",
    contestant,
    version,
    note: reason,
  }));
  return [...rows, ...missing];
}

/** The same outcome as the page of the results draws it. */
export function contestOf(title: string, { results, absent }: Outcome, goals: Goals): Contest {
  const samples = results.flatMap(({ name, samples }) => samples.map((msPerStep) => ({ name, msPerStep })));
  const ranks = standings(results, samples);
  return { title, ranks, missing: absent, goals: goalLines(ranks, goals) };
}

/** "≥ 2.5× tfjs-webgpu: yes, 6.1×" for each contestant that has a time and a goal. */
export function goalLines(ranks: readonly { readonly name: string; readonly ratio: number }[], goals: Goals): string[] {
  return ranks.flatMap(({ name, ratio }) => {
    const goal = goals[name];
    return goal === undefined ? [] : [`≥ ${times(goal)} ${name}: ${ratio >= goal ? "yes" : "no"}, ${times(ratio)}`];
  });
}
