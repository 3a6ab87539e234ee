import type { Gpu } from "../src/gpu/gpu.ts";

export interface SteadyMemory {
  /** Live bytes after a step are always the same, and the peak doesn't rise. */
  readonly steady: boolean;
  /** Least and most seen after a step, in bytes. */
  readonly live: readonly [number, number];
  readonly peak: readonly [number, number];
}

const WAIT_EVERY_STEPS = 10;

/** Records `steps` steps and watches the pool's live and peak bytes after each. The work must be warm already. */
export async function steadyMemory(gpu: Gpu, record: () => void, steps: number): Promise<SteadyMemory> {
  const live: number[] = [];
  const peak: number[] = [];
  for (let i = 0; i < steps; i++) {
    record();
    const { liveBytes, peakBytes } = gpu.stats();
    live.push(liveBytes);
    peak.push(peakBytes);
    if (i % WAIT_EVERY_STEPS === WAIT_EVERY_STEPS - 1) await gpu.sync();
  }
  const range = (values: number[]) => [Math.min(...values), Math.max(...values)] as const;
  const steady = new Set(live).size === 1 && new Set(peak).size === 1;
  return { steady, live: range(live), peak: range(peak) };
}
