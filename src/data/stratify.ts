import { random } from "../../kernels/random/philox.ts";

// Splits must not change between runs, so they have a seed of their own, never the run's.
const SPLIT_SEED = 0;

/**
 * Chooses `take` of the samples so that each class keeps its share: per class ⌊take · n_c / n⌋, what is missing to the
 * largest remainders (ties to the lower class). Within a class the choice is the end of a fixed permutation named by
 * `stream`. Returns ascending indices: `taken` has `take` of them, `rest` the others.
 */
export function stratify(
  labels: Uint16Array,
  classes: number,
  take: number,
  stream: string,
): { taken: Uint32Array<ArrayBuffer>; rest: Uint32Array<ArrayBuffer> } {
  const members: number[][] = Array.from({ length: classes }, () => []);
  labels.forEach((label, i) => members[label].push(i));
  const quota = apportion(members.map((m) => m.length), take);

  const rng = random(SPLIT_SEED, stream);
  const chosen = new Uint8Array(labels.length);
  members.forEach((member, c) => {
    const order = rng.permutation(member.length, c);
    for (let i = member.length - quota[c]; i < member.length; i++) chosen[member[order[i]]] = 1;
  });
  return {
    taken: Uint32Array.from(labels.keys().filter((i) => chosen[i] === 1)),
    rest: Uint32Array.from(labels.keys().filter((i) => chosen[i] === 0)),
  };
}

/** Shares out `take` in proportion to `counts`, by largest remainder; never more than a count. */
export function apportion(counts: readonly number[], take: number): number[] {
  const total = counts.reduce((a, b) => a + b, 0);
  const exact = counts.map((n) => n * take / Math.max(1, total));
  const quota = exact.map(Math.floor);
  let missing = Math.min(take, total) - quota.reduce((a, b) => a + b, 0);
  const order = counts.map((_, c) => c).sort((a, b) => (exact[b] - quota[b]) - (exact[a] - quota[a]) || a - b);
  for (const c of order) {
    if (missing === 0) break;
    if (quota[c] < counts[c]) {
      quota[c]++;
      missing--;
    }
  }
  return quota;
}
