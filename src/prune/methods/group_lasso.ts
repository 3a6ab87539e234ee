import { show, UserError } from "../../errors.ts";
import { createArena } from "../../tensor/arena.ts";
import { addGroups, groupNorms, scaleGroups, shrinkFactors, takeGroups } from "../../tensor/project.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { OptimizerSettings } from "../../train/optimizers.ts";
import type { Callback, Training } from "../../train/types.ts";
import { isAligned } from "../structures/elements.ts";
import type { Constraint } from "../structures/types.ts";

/** What is to become small group by group. */
export interface GroupLassoOptions {
  /** On the training's first graph; how many groups they keep doesn't matter. */
  readonly constraints: readonly Constraint[];
  /** Of the penalty strength·√n·Σ‖w_g‖ over the groups, n the weights of one. At least 0. */
  readonly strength: number;
}

/**
 * Group lasso (Yuan and Lin 2006; Wen et al. 2016, arXiv 1608.03665) over any structure: after each update the proximal step
 * w_g ← w_g·max(0, 1 − τ/‖w_g‖), τ = strength·√n·lr/(1 − momentum). Not the subgradient strength·√n·w_g/‖w_g‖, which never reaches 0
 * and has no value there, and which Adam would scale away; the factor 1/(1 − momentum) is what SGD's own steps add up to, so that
 * both ways rest where the slope of the loss equals the penalty's. Biases, γ and β stay.
 *
 * @throws UserError for another strength
 */
export function groupLasso({ constraints, strength }: GroupLassoOptions): Callback {
  if (!(strength >= 0 && Number.isFinite(strength))) {
    throw new UserError(`group-lasso: strength is ${show(strength)}, expected a number of at least 0`);
  }
  const held: Disposable[] = [];
  let parts: { readonly constraint: Constraint; readonly norms: Tensor; readonly factors: Tensor }[] = [];
  return {
    name: "group-lasso",
    open({ gpu }) {
      const specs = constraints.map(({ name, groups }) => ({ name, shape: [groups] }));
      const [norms, factors] = ["group norms", "group factors"].map((label) => createArena(gpu, specs, label));
      held.push(norms, factors);
      parts = constraints.map((constraint) => {
        const { name } = constraint;
        return { constraint, norms: norms.tensor(name), factors: factors.tensor(name) };
      });
    },
    afterStep(_step, training) {
      for (const { constraint, norms, factors } of parts) {
        sumNorms(training, constraint, norms);
        const { groups } = constraint;
        const threshold = strength * Math.sqrt(weightsOf(constraint) / groups) * effectiveRate(training);
        shrinkFactors(training.gpu, norms, threshold, factors);
        shrink(training, constraint, factors);
      }
    },
    close: () => held.forEach((one) => one[Symbol.dispose]()),
  };
}

function weightMembers({ members }: Constraint) {
  return members.filter(({ role }) => role === "weight");
}

function weightsOf(constraint: Constraint): number {
  return weightMembers(constraint).reduce((sum, { layout: { F, C, KK } }) => sum + F * C * KK, 0);
}

function sumNorms({ gpu, state: { weights } }: Training, constraint: Constraint, norms: Tensor): void {
  gpu.clear(norms);
  for (const member of weightMembers(constraint)) {
    const { param, layout, places } = member;
    if (isAligned(member, constraint.groups)) {
      groupNorms(gpu, weights.tensor(param), undefined, layout, norms, { accumulate: true });
    } else {
      using part = Tensor.empty(gpu, [layout.groups]);
      groupNorms(gpu, weights.tensor(param), undefined, layout, part);
      addGroups(gpu, part, places, norms);
    }
  }
}

function shrink({ gpu, state: { weights } }: Training, constraint: Constraint, factors: Tensor): void {
  for (const member of weightMembers(constraint)) {
    const { param, layout, places } = member;
    if (isAligned(member, constraint.groups)) scaleGroups(gpu, factors, layout, weights.tensor(param));
    else {
      using part = Tensor.empty(gpu, [layout.groups]);
      takeGroups(gpu, factors, places, part);
      scaleGroups(gpu, part, layout, weights.tensor(param));
    }
  }
}

/** By how much a constant slope of 1 moves a weight in one step, in the long run. */
function effectiveRate({ lr, settings }: { readonly lr: number; readonly settings: OptimizerSettings }): number {
  return settings.kind === "sgd" ? lr / (1 - (settings.momentum ?? 0.9)) : lr;
}
