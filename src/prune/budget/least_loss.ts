/** How much each layer keeps so that the network costs no more than it may and loses least, by a loss curve for each layer. */
import { type Choice, choiceKnapsack } from "./choice_knapsack.ts";
import { costOfTerms, type CostTerm } from "./product_costs.ts";

/** How many groups of a layer may stay, and what is lost then: by falling count, and losses that never fall. */
export type LossCurve = readonly { readonly keep: number; readonly loss: number }[];

/** Linear models of the cost that are tried one after the other. */
const ROUNDS = 12;
/** Exchanges between two layers at most, each of which lowers the loss. */
const EXCHANGES = 200;

/**
 * For each layer the place in its curve, so that the losses are least in sum and the cost is `limit` at most; undefined where
 * the least of every layer costs more.
 *
 * Costs are products (a layer's filters times those that it reads), so they don't add up over layers. Around a choice they
 * do, as long as one layer changes: `choiceKnapsack` finds the best of that linear model, exactly, which is the next choice
 * to look at. Each choice is then repaired where it costs too much, filled up where something is left, and improved
 * by exchanges between two layers, all by the true cost. Where no two layers multiply, the first round is the
 * optimum but for the knapsack's rounding; else it is near: tests compare it with all choices there are.
 */
export function leastLoss(
  curves: readonly LossCurve[],
  terms: readonly CostTerm[],
  limit: number,
): number[] | undefined {
  const costOf = (picks: readonly number[]) => costOfTerms(terms, picks.map((pick, c) => curves[c][pick].keep));
  const lossOf = (picks: readonly number[]) => picks.reduce((sum, pick, c) => sum + curves[c][pick].loss, 0);
  const least = curves.map((curve) => curve.length - 1);
  if (costOf(least) > limit) return undefined;
  const problem: Problem = { curves, costOf, limit };
  const seen = new Set<string>();
  let best = least;
  let current = curves.map(() => 0);
  for (let round = 0; round < ROUNDS && !seen.has(current.join()); round++) {
    seen.add(current.join());
    const found = improved(problem, filled(problem, repaired(problem, current)));
    if (lossOf(found) < lossOf(best)) best = found;
    current = choiceKnapsack(linearised(problem, current), limit - costOf(current)) ?? least;
  }
  return best;
}

interface Problem {
  readonly curves: readonly LossCurve[];
  readonly costOf: (picks: readonly number[]) => number;
  readonly limit: number;
}

/** What each layer's choices cost more than its present one while the others stay. */
function linearised({ curves, costOf }: Problem, picks: readonly number[]): Choice[][] {
  const now = costOf(picks);
  return curves.map((curve, c) => curve.map(({ loss }, pick) => ({ loss, cost: costOf(picks.with(c, pick)) - now })));
}

/** Takes the step down that loses least for what it saves, until the limit holds. */
function repaired({ curves, costOf, limit }: Problem, picks: readonly number[]): number[] {
  let now = [...picks];
  for (let cost = costOf(now); cost > limit; cost = costOf(now)) {
    const steps = now.flatMap((pick, c) => {
      if (pick + 1 >= curves[c].length) return [];
      const next = now.with(c, pick + 1);
      const saved = cost - costOf(next);
      return [{ next, price: (curves[c][pick + 1].loss - curves[c][pick].loss) / Math.max(saved, Number.MIN_VALUE) }];
    });
    now = steps.reduce((a, b) => b.price < a.price ? b : a).next;
  }
  return now;
}

/** Takes the step up that wins most, as long as one fits; of those that win nothing any. */
function filled({ curves, costOf, limit }: Problem, picks: readonly number[]): number[] {
  let now = [...picks];
  for (;;) {
    const steps = now.flatMap((pick, c) => {
      if (pick === 0) return [];
      const next = now.with(c, pick - 1);
      return costOf(next) > limit ? [] : [{ next, won: curves[c][pick].loss - curves[c][pick - 1].loss }];
    });
    if (steps.length === 0) return now;
    now = steps.reduce((a, b) => b.won > a.won ? b : a).next;
  }
}

/** One layer keeps more and another as much less as it takes, as long as that lowers the loss. */
function improved(problem: Problem, picks: readonly number[]): number[] {
  const { curves } = problem;
  let now = [...picks];
  for (let exchange = 0; exchange < EXCHANGES; exchange++) {
    let best: { picks: number[]; change: number } | undefined;
    for (let up = 0; up < curves.length; up++) {
      for (let raised = now[up] - 1; raised >= 0; raised--) {
        const won = curves[up][now[up]].loss - curves[up][raised].loss;
        for (let down = 0; down < curves.length; down++) {
          if (down === up) continue;
          const lowered = firstThatFits(problem, now.with(up, raised), down);
          if (lowered === undefined) continue;
          const change = curves[down][lowered].loss - curves[down][now[down]].loss - won;
          if (change < (best?.change ?? -1e-12)) {
            best = { picks: now.with(up, raised).with(down, lowered), change };
          }
        }
      }
    }
    if (!best) break;
    now = best.picks;
  }
  return filled(problem, now);
}

/** The first choice of a layer from its present one on with which the limit holds. Costs fall along a curve. */
function firstThatFits(
  { curves, costOf, limit }: Problem,
  picks: readonly number[],
  layer: number,
): number | undefined {
  let low = picks[layer], high = curves[layer].length - 1;
  const fits = (pick: number) => costOf(picks.with(layer, pick)) <= limit;
  if (!fits(high)) return undefined;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fits(middle)) high = middle;
    else low = middle + 1;
  }
  return high;
}
