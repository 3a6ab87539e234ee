/**
 * Depth: blocks of a network, the forms that they can take, linear layers fitted in their place, the search among genes, and
 * merging, which is exact also at padded borders.
 *
 * @module
 */
export { UserError } from "../errors.ts";
export { findBlocks } from "../depth/blocks/find_blocks.ts";
export { applyGene, FORMS, formsOf } from "../depth/forms/forms.ts";
export { settle } from "../depth/forms/settle.ts";
export type {
  Block,
  BlockKind,
  Blocks,
  Border,
  Choice,
  Form,
  FormName,
  Gene,
  RefusedBlock,
  Width,
} from "../depth/types.ts";
export {
  linearize,
  type Linearized,
  type LinearizeOptions,
  type LinearScore,
  scoreBlocks,
} from "../depth/linearize/linearize.ts";
export type { LinearLayer, LinearPlan, LinearPlanOptions } from "../depth/linearize/linear_plan.ts";
export type { FittedLayer } from "../depth/linearize/place_layer.ts";
export type { LinearFit } from "../prune/reconstruct/least_squares.ts";
export { type BorderOptions, chooseBorders } from "../depth/forms/borders.ts";
export type { MergeGoal, MergeOptions } from "../depth/merge/plan.ts";
export { mergeBlocks, type MergeBlocksOptions, type MergeTarget } from "../depth/merge/merge.ts";
export { moveBorders } from "../depth/merge/move_borders.ts";
export type { MergeFormOptions } from "../depth/merge/plan_form.ts";
export { reparameterise } from "../depth/merge/reparameterise.ts";
export {
  type BlockOption,
  type JointBudget,
  jointBudget,
  type JointBudgetOptions,
} from "../depth/joint/joint_budget.ts";
