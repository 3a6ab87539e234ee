import type { Watchers } from "./types.ts";

/** All that any of them look at: a value that several watch is shown to each, in the order of the list. */
export function combineWatchers(list: readonly (Watchers | undefined)[]): Watchers {
  const byValue = Map.groupBy(list.flatMap((watchers) => [...watchers ?? []]), ([value]) => value);
  return new Map(
    Array.from(byValue, ([value, all]) => [value, (tensor, step) => all.forEach(([, watch]) => watch(tensor, step))]),
  );
}
