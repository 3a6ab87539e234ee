/** Callbacks of a training that prepares pruning, as a recipe's `prepare` names them. */
import { UserError } from "../errors.ts";
import { isBatchNorm } from "../graph/roles.ts";
import type { Model } from "../graph/types.ts";
import { checkScorable } from "../prune/criteria/score.ts";
import { criterionNamed } from "../prune/criteria/criteria.ts";
import { groupLasso } from "../prune/methods/group_lasso.ts";
import { growingL2 } from "../prune/methods/growing_l2.ts";
import { regrow } from "../prune/methods/regrow.ts";
import { snipAtStart } from "../prune/methods/snip_at_start.ts";
import { type ConstraintOptions, constraintsOf } from "../prune/structures/constraints.ts";
import type { Masks } from "../prune/structures/masks.ts";
import type { Constraint } from "../prune/structures/types.ts";
import { type Constraint as AskedConstraint, optionsOf } from "../recipe/constraints.ts";
import type { Prepare } from "../recipe/prepare.ts";
import { slimming } from "../train/callbacks/slimming.ts";
import type { Callback } from "../train/types.ts";
import type { RunContext } from "./context.ts";
import { gatheredFor } from "./request.ts";

/** The callbacks, and after training the masks of what was trained, where one of them chose that. */
export interface Preparation {
  readonly callbacks: readonly Callback[];
  masks(): Masks | undefined;
}

export function preparationOf(ctx: RunContext, prepare: Prepare | undefined): Preparation {
  const callbacks: Callback[] = [];
  let masks: Preparation["masks"] = () => undefined;
  if (!prepare) return { callbacks, masks };
  const { state: { model: { graph }, masks: before }, recipe: { seed } } = ctx;
  const { slimming: strength, "group-lasso": lasso, "growing-l2": growing, regrow: dynamic, snip } = prepare;
  const choice = ({ criterion: name, images, ...asked }: Chosen) => {
    const criterion = criterionNamed(name);
    const constraints = constraintsOf(graph, optionsWith(asked));
    return { constraints, criterion, seed, masks: before, gather: gathering(ctx, name, constraints, images) };
  };
  if (strength !== undefined) callbacks.push(slimming(strength));
  if (lasso) {
    const constraints = constraintsOf(graph, lasso.constraints.map(optionsOf));
    callbacks.push(groupLasso({ constraints, strength: lasso.strength }));
  }
  if (growing) {
    const { by, every, most } = growing;
    callbacks.push(growingL2({ ...choice(growing), by, every, most }));
  }
  if (dynamic) {
    const { returns, every, fraction, until } = dynamic;
    const callback = regrow({ ...choice(dynamic), returns, every, fraction, until });
    callbacks.push(callback);
    masks = () => callback.masks;
  }
  if (snip) {
    const options = optionsWith(snip);
    const gather = gathering(ctx, "snip", constraintsOf(graph, options), snip.images);
    const callback = snipAtStart({ constraints: options, keep: snip.keep, masks: before, gather });
    callbacks.push(callback);
    masks = () => callback.masks;
  }
  return { callbacks, masks };
}

/** @throws UserError for layers or norms that the network doesn't have, or a criterion that can't score what is named */
export function checkPrepare({ graph }: Pick<Model, "graph">, prepare: Prepare): void {
  const { slimming: strength, "group-lasso": lasso, "growing-l2": growing, regrow: dynamic, snip } = prepare;
  if (strength !== undefined && !graph.nodes.some(isBatchNorm)) {
    throw new UserError("prepare.slimming presses on the γ of batch norms, and the network has none: use group-lasso");
  }
  if (lasso) constraintsOf(graph, lasso.constraints.map(optionsOf));
  for (const asked of [growing, dynamic, snip && { ...snip, criterion: "snip" }]) {
    if (asked) checkScorable(criterionNamed(asked.criterion), constraintsOf(graph, optionsWith(asked)), graph);
  }
}

type Chosen = NonNullable<Prepare["growing-l2"] | Prepare["regrow"]>;

function optionsWith(
  { constraints, keep }: { readonly constraints: readonly AskedConstraint[]; readonly keep: number },
): ConstraintOptions[] {
  return constraints.map((one) => ({
    ...optionsOf(one),
    keep: "keep" in one && one.keep !== undefined ? one.keep : keep,
  }));
}

/** Not to be stopped between two steps: a snapshot there would be of neither. */
function gathering(ctx: RunContext, name: string, constraints: readonly Constraint[], images: number | undefined) {
  const unstopped = { ...ctx, signal: undefined };
  return (model: Model) => gatheredFor(unstopped, model, criterionNamed(name), constraints, images);
}
