/** How entries in a row (filters of a weight, γ of a batch norm) follow the units of a class. */

/**
 * Entry i belongs to unit offset + ⌊(i mod period) / fold⌋, or to none of the class where that is outside of 0 … size − 1.
 * `fold` entries to a unit: the pixels of a channel behind a Flatten, the features of an attention head. A period shorter
 * than the row: the groups of a convolution, of which each has a filter of the unit.
 */
export interface Row {
  readonly offset: number;
  readonly fold: number;
  readonly period: number;
}

/** The units of a row in the order in which they come, each once; undefined if it is no row in this sense. */
export function unitsOf(entries: readonly number[]): { units: number[]; fold: number; period: number } | undefined {
  const [first] = entries;
  const change = entries.findIndex((unit) => unit !== first);
  const fold = change < 0 ? entries.length : change;
  const again = entries.findIndex((unit, i) => i > fold && unit === first);
  const period = again < 0 ? entries.length : again;
  if (entries.length % period !== 0 || period % fold !== 0) return undefined;
  const units = Array.from({ length: period / fold }, (_, k) => entries[k * fold]);
  const follows = entries.every((unit, i) => unit === units[Math.floor((i % period) / fold)]);
  return follows && new Set(units).size === units.length ? { units, fold, period } : undefined;
}

/**
 * The rows that together say where each entry belongs; undefined if none can. One is enough, unless the class comes several
 * times (a concatenation of a value with itself).
 *
 * @param positions unit of each entry, undefined where it is none of the class's
 */
export function rowsOf(positions: readonly (number | undefined)[], size: number): Row[] | undefined {
  const whole = positions.includes(undefined) ? undefined : unitsOf(positions as number[]);
  if (whole && whole.units.every((unit, k) => unit === whole.units[0] + k)) {
    return [{ offset: whole.units[0], fold: whole.fold, period: whole.period }];
  }
  const period = positions.length;
  const rows = new Map<string, Row>();
  for (let start = 0; start < period; start++) {
    const unit = positions[start];
    if (unit === undefined || unit === positions[start - 1]) continue;
    const end = positions.findIndex((other, i) => i > start && other !== unit);
    const fold = (end < 0 ? period : end) - start;
    if (start % fold !== 0) return undefined;
    const offset = unit - start / fold;
    rows.set(`${offset} ${fold}`, { offset, fold, period });
  }
  const follows = [...rows.values()].every(({ offset, fold }) =>
    positions.every((position, i) => {
      const unit = offset + Math.floor(i / fold);
      return unit < 0 || unit >= size || position === unit;
    })
  );
  return follows ? [...rows.values()] : undefined;
}
