/**
 * Runs the cases of a suite through benny. benny holds the cases and calls each once; the times are our own, because it would
 * run each contestant to its end before the next one, and keep whole operations per second, which makes 0 of a step of 2 s.
 */
import benny from "benny";

type Entry = Parameters<typeof benny.suite>[1];

/** What benny's entries are given: a suite of benchmark.js. */
interface Suite {
  add(name: string, run: (deferred: { resolve(): void }) => void, options: Record<string, unknown>): Suite;
}

/** One run of a case is the least that can be asked for. */
const ONCE = { defer: true, delay: 0, initCount: 1, minSamples: 1, minTime: 1e-9, maxTime: 1e-9 };

/** Runs the cases in order; the first error ends it. */
export async function runCases(
  title: string,
  cases: readonly { readonly name: string; readonly run: () => Promise<void> }[],
): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  // `benny.add` would call each case before the suite starts, to see what it returns.
  const entries = cases.map(({ name, run }) => () => {
    const once = (deferred: { resolve(): void }) => {
      const done = failure ? Promise.resolve() : run();
      done.catch((error) => failure = { error }).then(() => deferred.resolve());
    };
    return Promise.resolve((suite: Suite) => suite.add(name, once, ONCE));
  }) as unknown as Entry[];
  await benny.suite(title, ...entries);
  if (failure) throw failure.error;
}
