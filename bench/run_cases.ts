/**
 * A suite in benny's hands. benny holds the cases and calls each once; the times are our own, because it would run each
 * contestant to its end before the next one, and keep whole operations per second, which makes 0 of a step of 2 s.
 */
import benny from "benny";

type Entry = Parameters<typeof benny.suite>[1];

/** Benny's least: one run of a case. */
const ONCE = { delay: 0, initCount: 1, minSamples: 1, minTime: 1e-3, maxTime: 1e-3 };

/** Runs the cases in order; the first error ends it. */
export async function hold(
  title: string,
  cases: readonly { readonly name: string; readonly run: () => Promise<void> }[],
): Promise<void> {
  // benny calls every case, all at once, to see what it returns. Those calls come before the suite starts.
  let started = false;
  let failure: unknown;
  const gate = (() =>
    Promise.resolve((suite: { on(event: string, handler: () => void): unknown }) => {
      suite.on("start", () => started = true);
      return suite;
    })) as unknown as Entry;
  const entries = cases.map(({ name, run }) =>
    benny.add(name, async () => {
      if (!started || failure !== undefined) return;
      try {
        await run();
      } catch (error) {
        failure = error;
      }
    }, ONCE)
  );
  await quietly(() => benny.suite(title, gate, ...entries));
  if (failure !== undefined) throw failure;
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
