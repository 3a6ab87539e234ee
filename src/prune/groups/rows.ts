/** How entries in a row (filters of a weight, γ of a batch norm) follow the groups of a class. */

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
 * The rows that together say where each entry belongs; undefined if none can. One is enough, unless the class comes several
 * times (a concatenation of a value with itself).
 *
 * @param positions group of each entry, undefined where it is none of the class's
 */
export function rowsOf(positions: readonly (number | undefined)[], size: number): Row[] | undefined {
  const whole = positions.includes(undefined) ? undefined : groupsOf(positions as number[]);
  if (whole && whole.groups.every((group, k) => group === whole.groups[0] + k)) {
    return [{ offset: whole.groups[0], repeat: whole.repeat, period: whole.period }];
  }
  const period = positions.length;
  const rows = new Map<string, Row>();
  for (let start = 0; start < period; start++) {
    const group = positions[start];
    if (group === undefined || group === positions[start - 1]) continue;
    const end = positions.findIndex((other, i) => i > start && other !== group);
    const repeat = (end < 0 ? period : end) - start;
    if (start % repeat !== 0) return undefined;
    const offset = group - start / repeat;
    rows.set(`${offset} ${repeat}`, { offset, repeat, period });
  }
  const follows = [...rows.values()].every(({ offset, repeat }) =>
    positions.every((position, i) => {
      const group = offset + Math.floor(i / repeat);
      return group < 0 || group >= size || position === group;
    })
  );
  return follows ? [...rows.values()] : undefined;
}
