/**
 * The measure of what a set of points dominates, up to a reference point: the area in two objectives, the volume in
 * three. The larger, the better is a front. Exact, by slicing objectives (While, Hingston, Barone, Huband, "A faster
 * algorithm for calculating hypervolume", 2006): between two neighbouring values of the last objective the same points
 * count, and what they dominate in the other objectives is the slice. O(n^m) for n points and m objectives.
 *
 * @param values of each point, one of each objective, the less the better; dominated points change nothing
 * @param reference what is no better than it in each objective adds nothing
 * @throws RangeError for points of another number of objectives than the reference has, and for a reference of none
 */
export function hypervolume(values: readonly (readonly number[])[], reference: readonly number[]): number {
  if (reference.length === 0) throw new RangeError("measured a hypervolume in no objective");
  const odd = values.find(({ length }) => length !== reference.length);
  if (odd) throw new RangeError(`measured a point of ${odd.length} objectives against ${reference.length}`);
  return sliced(values.filter((point) => point.every((value, m) => value < reference[m])), reference);
}

/** @param values of points that are all better than the reference; only their first objectives, as many as it has, count */
function sliced(values: readonly (readonly number[])[], reference: readonly number[]): number {
  const last = reference.length - 1;
  if (values.length === 0) return 0;
  if (last === 0) return reference[0] - Math.min(...values.map(([value]) => value));
  const sorted = values.toSorted((a, b) => a[last] - b[last]);
  const rest = reference.slice(0, last);
  return sorted.reduce((sum, point, i) => {
    const height = (sorted[i + 1]?.[last] ?? reference[last]) - point[last];
    return height === 0 ? sum : sum + height * sliced(sorted.slice(0, i + 1), rest);
  }, 0);
}
