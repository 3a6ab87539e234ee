/** What the formats of one list of kept things per filter share. */
export interface Sorted {
  /** Which filter each list belongs to. */
  readonly order: readonly number[];
  /** Where each list starts in `entries`, and where the last one ends. */
  readonly starts: readonly number[];
  readonly entries: readonly number[];
}

/** The longest list first (of equals the first filter's), so that no long one is left over at the end of a launch. */
export function byLength(lists: readonly (readonly number[])[]): Sorted {
  const order = lists.map((_, f) => f).sort((a, b) => lists[b].length - lists[a].length || a - b);
  const starts = [0];
  for (const f of order) starts.push(starts[starts.length - 1] + lists[f].length);
  return { order, starts, entries: order.flatMap((f) => lists[f]) };
}
