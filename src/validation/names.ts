/** Names that there are, for errors about one that there isn't. */

/** ` (did you mean "keep"?)`, or nothing where none is near. */
export function didYouMean(given: string, known: readonly string[]): string {
  const near = known.map((name) => ({ name, distance: editDistance(given.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near && near.distance <= Math.max(1, Math.floor(given.length / 3)) ? ` (did you mean "${near.name}"?)` : "";
}

/** The same, or `; known: …` where nothing is near. */
export function suggest(given: string, known: readonly string[]): string {
  return didYouMean(given, known) || (known.length > 0 ? `; known: ${listed(given, known)}` : "");
}

/** So many names are listed in a line that a terminal shows whole. */
const LISTED = 20;
const NEAREST = 5;

/** All names, or of more than twenty those nearest to the one that was given: "conv1, conv2, conv3 and 51 more". */
export function listed(given: string, names: readonly string[]): string {
  if (names.length <= LISTED) return names.join(", ");
  return `${nearest(given, names, NEAREST).join(", ")} and ${names.length - NEAREST} more`;
}

/** The names that are most like the one that was given: first those that it is a part of, or that are a part of it. */
export function nearest(given: string, names: readonly string[], count: number): string[] {
  const sought = given.toLowerCase();
  return names.map((name) => {
    const other = name.toLowerCase();
    return { name, apart: !other.includes(sought) && !sought.includes(other), distance: editDistance(sought, other) };
  }).sort((a, b) => Number(a.apart) - Number(b.apart) || a.distance - b.distance).slice(0, count).map(({ name }) =>
    name
  );
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array(b.length).fill(0)]);
  for (let j = 0; j <= b.length; j++) rows[0][j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows[a.length][b.length];
}
