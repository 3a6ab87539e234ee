/** What the suite does in part and `deno task nightly long` in whole: test files that import this run in both. */

/** The nightly sets it for the files that it runs. */
export const LONG = "SECATEUR_LONG_TESTS";

/** Whether all is to be done. */
export const nightly = Deno.env.get(LONG) === "1";

/** How many cases are drawn. */
export function drawn(counts: { readonly suite: number; readonly nightly: number }): number {
  return nightly ? counts.nightly : counts.suite;
}

/** Registers a test as `test` does, but in the nightly alone: another one shows the suite nearly as much in less time. */
export function onlyNightly(test: (name: string, run: () => void | Promise<void>) => void): typeof test {
  return nightly ? test : () => {};
}
