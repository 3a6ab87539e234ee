/** Rows of settings that hold every pair of two settings' values together at least once: far fewer than all combinations. */

/** Name of a setting -> its values. */
export type Settings = Readonly<Record<string, readonly string[]>>;
export type Row = Readonly<Record<string, string>>;

/**
 * Greedy: each row begins with a pair that no row has yet, and takes for every other setting the value that brings most new pairs.
 *
 * @param allowed whether two values go together; rows hold only such pairs, and only these are covered. A pair that no row can hold
 * is left out
 */
export function pairwise(
  settings: Settings,
  allowed: (a: readonly [string, string], b: readonly [string, string]) => boolean = () => true,
): Row[] {
  const names = Object.keys(settings);
  const fits = (row: Row, name: string, value: string) =>
    Object.entries(row).every(([other, chosen]) => other === name || allowed([other, chosen], [name, value]));
  const open = new Map<string, Row>();
  names.forEach((a, i) =>
    names.slice(i + 1).forEach((b) => {
      for (const x of settings[a]) {
        for (const y of settings[b]) if (allowed([a, x], [b, y])) open.set(keyOf(a, x, b, y), { [a]: x, [b]: y });
      }
    })
  );
  const rows: Row[] = [];
  for (const [key, pair] of open) {
    const row = completed(settings, pair, fits, open);
    open.delete(key);
    if (!row) continue;
    for (const held of pairsOf(names, row)) open.delete(held);
    rows.push(row);
  }
  return rows;
}

/** The row with a value of every setting; undefined where nothing fits. */
function completed(
  settings: Settings,
  row: Row,
  fits: (row: Row, name: string, value: string) => boolean,
  open: ReadonlyMap<string, Row>,
): Row | undefined {
  const names = Object.keys(settings);
  const name = names.find((name) => !(name in row));
  if (name === undefined) return row;
  const gain = (value: string) => pairsOf(names, { ...row, [name]: value }).filter((key) => open.has(key)).length;
  const values = settings[name].filter((value) => fits(row, name, value)).sort((a, b) => gain(b) - gain(a));
  for (const value of values) {
    const found = completed(settings, { ...row, [name]: value }, fits, open);
    if (found) return found;
  }
  return undefined;
}

function pairsOf(names: readonly string[], row: Row): string[] {
  const own = names.filter((name) => name in row);
  return own.flatMap((a, i) => own.slice(i + 1).map((b) => keyOf(a, row[a], b, row[b])));
}

function keyOf(a: string, x: string, b: string, y: string): string {
  return JSON.stringify([a, x, b, y]);
}
