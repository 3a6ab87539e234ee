/**
 * Pruning: what goes together and why not, criteria, budgets, masks, ADMM, and the rewrites that make a masked network
 * small. `prune` does the choosing in one call; `mask` and `admm` go along with `train` of `./train`.
 *
 * @module
 */
export { UserError } from "../errors.ts";
export { type CoupledGroup, inspect, type InspectedNode, type Inspection, type OtherGroups } from "../prune/inspect.ts";
export { type BudgetSettings, prune, type Pruned, type PruneOptions } from "../prune/prune_model.ts";
export { explain, type ExplainedGroup, type Explanation, type GroupCost, type StayReason } from "../prune/explain.ts";
export { CRITERIA } from "../prune/criteria/criteria.ts";
export type { Criterion, Evidence, EvidenceKind } from "../prune/criteria/types.ts";
export type { Normalise } from "../prune/criteria/normalise.ts";
export { gatherFor, type GatherOptions } from "../prune/criteria/gather.ts";
export { type Scored, scoreGroups } from "../prune/criteria/score.ts";
export { BUDGET_RULES } from "../prune/budget/rules.ts";
export { type CostName, costNames, type Target } from "../prune/budget/costs/costs.ts";
export type { BudgetRequest, KeptRecord } from "../prune/budget/settle.ts";
export type { BudgetRule, RankedLayer } from "../prune/budget/types.ts";
export {
  type ConstraintOptions,
  constraintsOf,
  prunableLayers,
  refusedLayers,
} from "../prune/structures/constraints.ts";
export { measureSensitivity, type SensitivityOptions } from "../prune/sensitivity/measure_sensitivity.ts";
export type { LayersAsked } from "../prune/sensitivity/pruned_layers.ts";
export type { Sensitivity, SensitivityCurve, SensitivityPoint } from "../prune/sensitivity/types.ts";
export { sumOfWeights } from "../prune/structures/elements.ts";
export { bothMasks, maskModel, type Masks, zeroMasks } from "../prune/structures/masks.ts";
export type { GroupLayout, GroupPlaces } from "../../kernels/project/layout.ts";
export { GRANULARITIES } from "../prune/structures/structures.ts";
export type {
  Constraint,
  EvenRule,
  Granularity,
  Grouping,
  Member,
  PatternRule,
  PlainGranularity,
  Rule,
  RunsRule,
  Structure,
} from "../prune/structures/types.ts";
export { admm, type AdmmCallback, type AdmmOptions } from "../prune/methods/admm_callback.ts";
export { gradual, type GradualCallback, gradualKept, type GradualOptions } from "../prune/methods/gradual.ts";
export type { GroupChoice } from "../prune/methods/chosen_masks.ts";
export { groupLasso, type GroupLassoOptions } from "../prune/methods/group_lasso.ts";
export { growingL2, type GrowingL2Callback, type GrowingL2Options } from "../prune/methods/growing_l2.ts";
export { regrow, type RegrowCallback, type RegrowOptions } from "../prune/methods/regrow.ts";
export { snipAtStart, type SnipAtStartCallback, type SnipAtStartOptions } from "../prune/methods/snip_at_start.ts";
export { type RhoOptions, rhoSchedule } from "../prune/methods/rho.ts";
export { type Purified, purify, type PurifyOptions, type Size } from "../prune/methods/purify.ts";
export { type Pair, pruneFilters, zooPair } from "../prune/methods/uniform.ts";
export { bridgeLayers } from "../prune/rewrite/bridge_layers.ts";
export { compact, type CompactOptions, type CompactReport, type LayerWidth } from "../prune/rewrite/compact.ts";
export { compactScattered, type ScatterChoice, type ScatterChoiceOptions } from "../prune/rewrite/scatter_choice.ts";
export { type Removed, removeUnused } from "../prune/rewrite/unused.ts";
export type { RefitKind } from "../prune/reconstruct/affine_refit.ts";
export { reconstruct, type Reconstructed, type ReconstructOptions } from "../prune/reconstruct/reconstruct.ts";
export {
  type ReconstructionRequest,
  type SettledReconstruction,
  settleReconstruction,
} from "../prune/reconstruct/reconstructible.ts";
