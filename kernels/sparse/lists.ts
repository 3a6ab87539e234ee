/** This is what the formats of one list of kept things per filter share. */
export interface Sorted {
  /** This says which filter each list belongs to. */
  readonly order: readonly number[];
  /** This says where each list starts in `entries`, and where the last one ends. */
  readonly starts: readonly number[];
  readonly entries: readonly number[];
}

/**
 * Sorts the longest list first (of equals the first filter's), so that no long one is left over at the end of a launch.
 */
export function byLength(lists: readonly (readonly number[])[]): Sorted {
  const order = lists.map((_, f) => f).sort((a, b) => lists[b].length - lists[a].length || a - b);
  const starts = [0];
  for (const f of order) starts.push(starts[starts.length - 1] + lists[f].length);
  return { order, starts, entries: order.flatMap((f) => lists[f]) };
}
