/** How often the bracket is cut where the secant says, before it is only halved. */
const SECANTS = 10;

/**
 * The least n in 0 … most whose gap isn't above 0, given that the gap never grows with n; undefined if none. Prices are
 * dear and nearly smooth, so that the Illinois method (regula falsi in which an end that stays counts half) asks for few;
 * halving goes on where it doesn't get there.
 */
export function leastThat(most: number, gap: (n: number) => number): number | undefined {
  let low = 0, high = most;
  let above = gap(low);
  if (above <= 0) return low;
  let below = gap(high);
  if (below > 0) return undefined;
  let stayed: "low" | "high" | undefined;
  for (let asked = 0; high - low > 1; asked++) {
    const share = asked < SECANTS ? above / (above - below) : 0.5;
    const middle = Math.min(Math.max(low + Math.round((high - low) * share), low + 1), high - 1);
    const value = gap(middle);
    if (value <= 0) {
      [high, below] = [middle, value];
      if (stayed === "low") above /= 2;
      stayed = "low";
    } else {
      [low, above] = [middle, value];
      if (stayed === "high") below /= 2;
      stayed = "high";
    }
  }
  return high;
}
