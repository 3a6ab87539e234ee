/** One choice for each layer: what they cost in sum stays below a limit, and what is lost by them in sum is least. */

/** What a layer may become. */
export interface Choice {
  /** In any unit; below 0 where the choice saves something. */
  readonly cost: number;
  readonly loss: number;
}

/** Steps that the room between the cheapest choices and the limit is divided into. */
const STEPS = 4000;

/**
 * The choices of least loss in sum whose costs sum up to `limit` at most, one for each layer; undefined where even the cheapest
 * cost more. Dynamic programming over the layers with the cost as the state (the multiple-choice knapsack problem: Kellerer,
 * Pferschy and Pisinger, "Knapsack Problems", 2004, chapter 11). Costs are rounded up to 1/4000 of the room that there is between
 * the cheapest choices and the limit, so the limit holds, and what is found loses no more than the best that has n/4000 of the
 * room less. Ties go to the choice that stands first.
 *
 * @param layers for each layer its choices, at least one
 * @returns for each layer the place of its choice
 */
export function choiceKnapsack(layers: readonly (readonly Choice[])[], limit: number): number[] | undefined {
  const least = layers.map((choices) => Math.min(...choices.map(({ cost }) => cost)));
  const room = limit - least.reduce((sum, cost) => sum + cost, 0);
  if (!(room >= 0)) return undefined;
  const steps = layers.map((choices, l) =>
    choices.map(({ cost }) => {
      const over = cost - least[l];
      // Without the tolerance a choice that fills the room exactly would be rounded out of it.
      return over === 0 ? 0 : room === 0 ? Infinity : Math.ceil(over / room * STEPS - 1e-9);
    })
  );
  // Of the layers so far: the least loss that costs so many steps at most, and the last layer's choice for it.
  let losses = new Float64Array(STEPS + 1);
  const chosen = layers.map((choices, l) => {
    const next = new Float64Array(STEPS + 1).fill(Infinity);
    const choice = new Int32Array(STEPS + 1);
    choices.forEach(({ loss }, c) => {
      for (let at = steps[l][c]; at <= STEPS; at++) {
        const sum = losses[at - steps[l][c]] + loss;
        if (sum < next[at]) [next[at], choice[at]] = [sum, c];
      }
    });
    losses = next;
    return choice;
  });
  const picks = new Array<number>(layers.length);
  for (let l = layers.length - 1, at = STEPS; l >= 0; l--) {
    picks[l] = chosen[l][at];
    at -= steps[l][picks[l]];
  }
  return picks;
}
