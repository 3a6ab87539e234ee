/**
 * ThiNet (Luo, Wu and Lin 2017, "ThiNet: A Filter Level Pruning Method for Deep Neural Network Compression"): the set T that goes
 * grows by the group that leaves Σ(Σ_{g∈T} a_g)² = Σ_{g,h∈T} G_gh lowest, a_g being what a group adds to the output.
 *
 * @param gram G, [groups, groups] (contributions)
 * @returns all groups in the order in which they go
 */
export function thinetOrder(gram: Float64Array, groups: number): number[] {
  const rise = Float64Array.from({ length: groups }, (_, g) => gram[g * groups + g]);
  const left = new Set(rise.keys());
  const order: number[] = [];
  while (left.size > 0) {
    const next = left.values().reduce((a, b) => rise[b] < rise[a] ? b : a);
    left.delete(next);
    order.push(next);
    for (const g of left) rise[g] += 2 * gram[g * groups + next];
  }
  return order;
}
