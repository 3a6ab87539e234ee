/**
 * How far apart from its neighbours each point of a front lies: over the objectives the sum of (value of the next point
 * − value of the one before) / (largest − least value), ∞ at both ends of each; Deb et al. 2002, III B. An objective in
 * which all are equal, or one is unknown (∞), adds nothing and has no ends. Of points with equal values the first one counts as the lesser.
 *
 * @param values of each point, one of each objective
 */
export function crowdingDistance(values: readonly (readonly number[])[]): number[] {
  const distances = values.map(() => 0);
  const objectives = values[0]?.length ?? 0;
  for (let m = 0; m < objectives; m++) {
    const order = values.map((_, i) => i).sort((a, b) => values[a][m] - values[b][m] || a - b);
    const at = (place: number) => values[order[place]][m];
    const last = order.length - 1;
    const range = at(last) - at(0);
    if (!(range > 0 && range < Infinity)) continue;
    distances[order[0]] = distances[order[last]] = Infinity;
    for (let place = 1; place < last; place++) {
      distances[order[place]] += (at(place + 1) - at(place - 1)) / range;
    }
  }
  return distances;
}
