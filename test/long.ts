/** What the suite does in part and `deno task nightly long` in whole: test files that import this run in both. */

/** The nightly sets it for the files that it runs. */
export const LONG = "SECATEUR_LONG_TESTS";

const nightly = Deno.env.get(LONG) === "1";

/** How many cases are drawn. */
export function drawn(counts: { readonly suite: number; readonly nightly: number }): number {
  return nightly ? counts.nightly : counts.suite;
}

/** Those of `all` that the suite looks at as well; in the nightly all of them. */
export function looksAt(name: string, { onlyNightly }: { readonly onlyNightly: readonly string[] }): boolean {
  return nightly || !onlyNightly.includes(name);
}
