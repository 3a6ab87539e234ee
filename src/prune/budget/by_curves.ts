/** A budget that goes by what the network was seen to lose by each layer (`secateur sensitivity`), not by scores. */
import { UserError } from "../../errors.ts";
import type { Graph } from "../../graph/types.ts";
import type { Sensitivity, SensitivityCurve } from "../sensitivity/types.ts";
import { rankGroups } from "../structures/selection.ts";
import type { Constraint } from "../structures/types.ts";
import { type Budget, checkTarget, shortfallOf, unreachable } from "./budget.ts";
import { type CostName, costNames, type Target } from "./costs/costs.ts";
import { leastLoss, type LossCurve } from "./least_loss.ts";
import { allowedCounts } from "./per_layer.ts";
import { type Price, type PriceOptions, pricing } from "./price.ts";
import { costOfTerms, type CostTerm, productCosts } from "./product_costs.ts";

/** What there is to keep to. */
export interface CurvesBudget extends PriceOptions {
  readonly curves: Sensitivity;
  /** The fraction of its groups that each constraint keeps at least; default 0: its `minKeep`. */
  readonly protect?: number;
}

/** Between images that are right or wrong a layer's accuracy stands still, and its outputs tell: by so much of their loss. */
const TIES = 1e-4;
/** Choices of a layer at most: a wide one's are spread evenly. */
const CHOICES = 33;
/** Corrections of what the products don't know of the cost. */
const ROUNDS = 6;

/**
 * The constraints with their `keep` set so that the curves' losses are least in sum: of accuracy where it was measured, else of the
 * outputs. Between two measured counts a loss is interpolated, a loss that falls as more goes is held, and no layer goes
 * below what was measured, its minKeep and its protected part. The cost is that of the compact network.
 *
 * @param scores per constraint, length `groups`: which groups will go
 * @throws UserError where the curves are of another network, or the budget can't be met
 */
export function budgetByCurves(
  graph: Graph,
  constraints: readonly Constraint[],
  scores: readonly ArrayLike<number>[],
  options: CurvesBudget,
): Pick<Budget, "constraints" | "shortfall"> {
  const { target, curves, protect = 0 } = options;
  checkTarget(target);
  const cost = pricedCost(target);
  const losses = constraints.map((constraint): LossCurve => {
    const curve = curveOf(constraint, curves);
    const measured = Math.min(...curve.points.map(({ keep }) => keep));
    const least = Math.max(measured, constraint.minKeep, Math.ceil(protect * constraint.groups));
    const counts = choicesOf(constraint, least);
    const loss = lossCurve(curve, curves.dense.accuracy);
    return counts.map((keep) => ({ keep, loss: loss(keep) }));
  });
  const price = pricing(graph, constraints, scores, options);
  const ranked = scores.map((of) => rankGroups(of));
  const keep = withinPrice(
    { losses, terms: productCosts(graph, constraints, ranked, cost), limit: target[cost]! },
    price,
  );
  if (!keep) {
    const least = price(losses.map((own) => own.at(-1)!.keep));
    throw unreachable({ constraints, least, mayGo: losses.some((own) => own.length > 1) }, options);
  }
  const shortfall = shortfallOf(constraints, keep, price, options);
  return {
    constraints: constraints.map((constraint, c) => ({ ...constraint, keep: keep[c] })),
    ...shortfall !== undefined && { shortfall },
  };
}

interface Allocation {
  readonly losses: readonly LossCurve[];
  readonly terms: readonly CostTerm[];
  /** As a fraction of the whole network. */
  readonly limit: number;
}

/** Asks the true price of what the products find, and again with a limit that is moved by the difference. */
function withinPrice(
  { losses, terms, limit }: Allocation,
  price: (keep: readonly number[]) => Price,
): number[] | undefined {
  const keepOf = (picks: readonly number[]) => picks.map((pick, c) => losses[c][pick].keep);
  let best: { readonly keep: number[]; readonly loss: number } | undefined;
  const asked = new Set<string>();
  const look = (picks: readonly number[]) => {
    const keep = keepOf(picks);
    const loss = picks.reduce((sum, pick, c) => sum + losses[c][pick].loss, 0);
    const { gap } = price(keep);
    if (gap <= 0 && (!best || loss < best.loss)) best = { keep, loss };
    return gap;
  };
  let moved = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const picks = leastLoss(losses, terms, limit - moved);
    if (!picks || asked.has(picks.join())) break;
    asked.add(picks.join());
    moved = look(picks) + limit - costOfTerms(terms, keepOf(picks));
  }
  if (!best) look(losses.map((own) => own.length - 1));
  return best?.keep;
}

/** @throws UserError unless the target is one that the products know */
function pricedCost(target: Target): "macs" | "params" {
  const [name, ...others] = costNames.filter((cost) => target[cost] !== undefined);
  const known: readonly CostName[] = ["macs", "params"];
  if (known.includes(name) && others.length === 0) return name as "macs" | "params";
  throw new UserError(
    `budget: a sensitivity is set against macs or params, got ${
      [name, ...others].join(" and ")
    }: ask for one of them, or ` +
      "leave sensitivity out",
  );
}

/** @throws UserError where it has none, or one of as many groups */
function curveOf({ name, groups }: Constraint, { curves }: Sensitivity): SensitivityCurve {
  const found = curves.find((curve) => curve.name === name);
  if (!found) {
    const known = curves.map((curve) => curve.name).join(", ");
    throw new UserError(
      `budget: the sensitivity knows nothing of ${name}, it has ${known}: leave the layer out (exclude), or measure this network`,
    );
  }
  if (found.groups === groups) return found;
  throw new UserError(
    `budget: the sensitivity is of a network whose ${name} has ${found.groups} groups, here it has ${groups}: measure this network`,
  );
}

/** From all groups down to the least, at most so many counts. */
function choicesOf(constraint: Constraint, least: number): number[] {
  const { groups, multiple } = constraint;
  if (multiple !== undefined) {
    const counts = allowedCounts(constraint, least);
    const last = counts.length - 1, taken = Math.min(last, CHOICES - 1);
    return Array.from({ length: taken + 1 }, (_, i) => counts[Math.round(last * i / Math.max(1, taken))]);
  }
  const steps = Math.min(groups - least, CHOICES - 1);
  return Array.from({ length: steps + 1 }, (_, i) => Math.round(groups - (groups - least) * i / Math.max(1, steps)));
}

/** Groups that stay -> what is lost. */
export function lossCurve({ groups, points }: SensitivityCurve, whole: number | undefined): (keep: number) => number {
  const known = [{ keep: groups, loss: 0 }];
  for (const { keep, accuracy, outputLoss } of points) {
    const lost = whole === undefined || accuracy === undefined
      ? outputLoss
      : Math.max(0, whole - accuracy) + TIES * outputLoss;
    known.push({ keep, loss: Math.max(lost, known.at(-1)!.loss) });
  }
  return (keep) => {
    const at = known.findIndex((point) => point.keep <= keep);
    const [to, from] = [known[at], known[Math.max(0, at - 1)]];
    return to.keep === keep ? to.loss : to.loss + (from.loss - to.loss) * (keep - to.keep) / (from.keep - to.keep);
  };
}
