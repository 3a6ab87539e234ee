/**
 * Rounds through benny, one short suite each. benny holds the cases; the times are ours: it would run each case to its
 * end before the next one, and keep whole operations per second, which makes 0 of a step of 2 s.
 */
import benny from "benny";
import { type Contestant, rotated, type Sample } from "../contest.ts";

type Entry = Parameters<typeof benny.suite>[1];

/** Benny's least: one run of a case per suite. */
const ONCE = { delay: 0, initCount: 1, minSamples: 1, minTime: 1e-3, maxTime: 1e-3 };

/** Times `steps` steps of each contestant with the read that ends them, in rotated order, `rounds` times. */
export async function race(
  contestants: readonly Contestant[],
  { title, rounds, steps, onSample }: {
    title: string;
    rounds: number;
    steps: number;
    onSample: (sample: Sample, round: number) => void;
  },
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    // benny calls every case, all at once, to see what it returns. Those calls come before the suite starts.
    let started = false;
    const gate = (() =>
      Promise.resolve((suite: { on(event: string, handler: () => void): unknown }) => {
        suite.on("start", () => started = true);
        return suite;
      })) as unknown as Entry;
    const cases = rotated(contestants, round).map((contestant) =>
      benny.add(contestant.name, async () => {
        if (!started) return;
        const start = performance.now();
        await contestant.run(steps);
        const sample = { name: contestant.name, msPerStep: (performance.now() - start) / steps };
        samples.push(sample);
        onSample(sample, round);
      }, ONCE)
    );
    await quietly(() => benny.suite(`${title}, round ${round + 1}`, gate, ...cases));
  }
  return samples;
}

/** Without the line that benny prints for each suite. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { log } = console;
  console.log = (...parts) => /^\S*Running "/.test(String(parts[0])) || log(...parts);
  try {
    return await work();
  } finally {
    console.log = log;
  }
}
