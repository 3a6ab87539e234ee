/** Times work that ends when its function returns, on the wall clock: in turns, in samples that the clock resolves. */
import type { Mode } from "../../measure/session/types.ts";

const SAMPLE_MS = 4;
const SAMPLE_QUANTA = 20;
const LEAST_ROUNDS = 5;
const MOST_ROUNDS = { burst: 40, sustained: 100_000 } as const;
/** Longer than this no message waits. */
const PAUSE_MS = 50;

/** The smallest step that performance.now() has been seen to make, in ms. */
export function clockQuantum(): number {
  let least = Infinity;
  const until = performance.now() + 20;
  for (let last = performance.now(); last < until;) {
    const next = performance.now();
    if (next > last) least = Math.min(least, next - last);
    last = next;
  }
  return least;
}

/**
 * In rounds, each of which takes one sample of all; every other one goes backwards, so that of two neighbours each is the
 * first as often as the other.
 * @param work each computes so many times in a row
 * @param pause lets messages in, and false ends it
 * @returns ms of each work, one number for each whole round
 */
export async function timeInTurns(
  work: readonly ((times: number) => void)[],
  { seconds, mode, quantumMs, pause }: {
    readonly seconds: number;
    readonly mode: Mode;
    readonly quantumMs: number;
    readonly pause: () => Promise<boolean>;
  },
): Promise<number[][]> {
  const wanted = Math.max(SAMPLE_MS, SAMPLE_QUANTA * quantumMs);
  let paused = performance.now();
  const goOn = async () => {
    if (performance.now() - paused < PAUSE_MS) return true;
    const wanted = await pause();
    paused = performance.now();
    return wanted;
  };
  const samples = work.map(() => [] as number[]);
  const repeats: number[] = [];
  for (const run of work) {
    repeats.push(repeatsFor(run, wanted));
    if (!await goOn()) return samples;
  }
  const order = work.map((_, i) => i);
  const until = performance.now() + 1000 * seconds;
  for (let round = 0; round < MOST_ROUNDS[mode]; round++) {
    if (round >= LEAST_ROUNDS && performance.now() > until) break;
    const took = new Array<number>(work.length);
    for (const i of order) {
      const started = performance.now();
      work[i](repeats[i]);
      took[i] = (performance.now() - started) / repeats[i];
      if (!await goOn()) return samples;
    }
    took.forEach((ms, i) => samples[i].push(ms));
    order.reverse();
  }
  return samples;
}

function repeatsFor(run: (times: number) => void, wantedMs: number): number {
  run(1);
  for (let repeats = 1;;) {
    const started = performance.now();
    run(repeats);
    const took = performance.now() - started;
    if (took >= wantedMs || repeats >= 100_000) return repeats;
    repeats = Math.max(repeats + 1, Math.ceil(repeats * Math.min(10, 1.3 * wantedMs / Math.max(took, 1e-3))));
  }
}
