/** How entries along an axis of a tensor (filters of a weight, γ of a batch norm) follow the groups of a class. */

/** In a row, as a rule says it, or one by one, as a map does: behind a permutation, or a Flatten beside other features. */
export type Placement = Row | EntryMap;

/**
 * Entry i belongs to group offset + ⌊(i mod period) / repeat⌋, or to none of the class where that is outside of 0 … size − 1.
 * `repeat` entries to a group: the pixels of a channel behind a Flatten, the features of an attention head. A period shorter
 * than the row: the groups of a convolution, of which each has a filter of the group.
 */
export interface Row {
  readonly offset: number;
  readonly repeat: number;
  readonly period: number;
}

export interface EntryMap {
  /** The group of each entry, −1 where it is none of the class's. */
  readonly map: readonly number[];
}

/** The groups of a row in the order in which they come, each once; undefined if it is no row in this sense. */
export function groupsOf(entries: readonly number[]): { groups: number[]; repeat: number; period: number } | undefined {
  const [first] = entries;
  const change = entries.findIndex((group) => group !== first);
  const repeat = change < 0 ? entries.length : change;
  const again = entries.findIndex((group, i) => i > repeat && group === first);
  const period = again < 0 ? entries.length : again;
  if (entries.length % period !== 0 || period % repeat !== 0) return undefined;
  const groups = Array.from({ length: period / repeat }, (_, k) => entries[k * repeat]);
  const follows = entries.every((group, i) => group === groups[Math.floor((i % period) / repeat)]);
  return follows && new Set(groups).size === groups.length ? { groups, repeat, period } : undefined;
}

/**
 * Where each entry belongs, as a row wherever one says it.
 *
 * @param positions group of each entry, undefined where it is none of the class's
 * @param size how many groups the class has
 */
export function placementOf(positions: readonly (number | undefined)[], size: number): Placement {
  const whole = positions.includes(undefined) ? undefined : groupsOf(positions as number[]);
  if (whole && whole.groups.every((group, k) => group === whole.groups[0] + k)) {
    return { offset: whole.groups[0], repeat: whole.repeat, period: whole.period };
  }
  return rowAmong(positions, size) ?? { map: positions.map((group) => group ?? -1) };
}

/** The row of which the class's groups are a part, beside entries that are none of them. */
function rowAmong(positions: readonly (number | undefined)[], size: number): Row | undefined {
  const period = positions.length;
  const start = positions.findIndex((group) => group !== undefined);
  if (start < 0) return undefined;
  const first = positions[start]!;
  const end = positions.findIndex((group, i) => i > start && group !== first);
  const repeat = (end < 0 ? period : end) - start;
  if (start % repeat !== 0 || period % repeat !== 0) return undefined;
  const offset = first - start / repeat;
  const follows = positions.every((position, i) => {
    const group = offset + Math.floor(i / repeat);
    return position === (group < 0 || group >= size ? undefined : group);
  });
  return follows ? { offset, repeat, period } : undefined;
}

/** How many of so many entries a group has; on average, where they come unevenly. */
export function entriesPerGroup(placement: Placement, entries: number): number {
  if (!("map" in placement)) return placement.repeat * entries / placement.period;
  const own = placement.map.filter((group) => group >= 0);
  return own.length / new Set(own).size;
}
