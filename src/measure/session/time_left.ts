/** Guesses how long a session still takes: what was measured tells how long more of its kind will take. */
import type { Protocol } from "./types.ts";

/** A session is made of these, each of them once or for each network and batch size. */
export type StepKind = "self-test" | "rows" | "layers" | "roofs";

/** Compiling both variants of a network takes about so many seconds; their samples take what the protocol says. */
const COMPILING = 3;
const GUESS: Readonly<Record<Exclude<StepKind, "rows">, number>> = { "self-test": 2, layers: 5, roofs: 20 };

/**
 * Gives the seconds that the steps take which aren't done. Each takes as long as those of its kind did on average, or
 * what is guessed where none was done.
 *
 * @param took of the steps that are done, in seconds: of the first ones, in order
 */
export function secondsLeft(
  steps: readonly StepKind[],
  took: readonly number[],
  { seconds }: Pick<Protocol, "seconds">,
): number {
  const expected = (kind: StepKind) => {
    const known = took.filter((_, i) => steps[i] === kind);
    if (known.length > 0) return known.reduce((a, b) => a + b, 0) / known.length;
    return kind === "rows" ? seconds + COMPILING : GUESS[kind];
  };
  return steps.slice(took.length).reduce((sum, kind) => sum + expected(kind), 0);
}
