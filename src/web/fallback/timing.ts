/** Times work that ends when its function returns, on the wall clock: in turns, in samples that the clock resolves. */
import { mad, median } from "../../measure/stats.ts";
import type { Mode } from "../../measure/session/types.ts";

export interface Timed {
  readonly medianMs: number;
  readonly madMs: number;
  readonly samples: number;
}

const SAMPLE_MS = 4;
const SAMPLE_QUANTA = 20;
const LEAST_SAMPLES = 5;
const MOST_SAMPLES = { burst: 40, sustained: 100_000 } as const;

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

/** @param work each computes so many times in a row; @param pause lets messages in, and false ends it */
export async function timeInTurns(
  work: readonly ((times: number) => void)[],
  { seconds, mode, quantumMs, pause }: {
    readonly seconds: number;
    readonly mode: Mode;
    readonly quantumMs: number;
    readonly pause: () => Promise<boolean>;
  },
): Promise<Timed[]> {
  const wanted = Math.max(SAMPLE_MS, SAMPLE_QUANTA * quantumMs);
  const repeats = work.map((run) => repeatsFor(run, wanted));
  const samples = work.map(() => [] as number[]);
  const until = performance.now() + 1000 * seconds;
  for (let round = 0; round < MOST_SAMPLES[mode]; round++) {
    if (round >= LEAST_SAMPLES && performance.now() > until) break;
    for (let turn = 0; turn < work.length; turn++) {
      const i = (turn + round) % work.length;
      const started = performance.now();
      work[i](repeats[i]);
      samples[i].push((performance.now() - started) / repeats[i]);
    }
    if (!await pause()) break;
  }
  return samples.map((list) => ({ medianMs: median(list), madMs: mad(list), samples: list.length }));
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
