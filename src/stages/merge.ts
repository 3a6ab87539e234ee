import { proofInputs } from "../data/proof_inputs.ts";
import { findBlocks } from "../depth/blocks/find_blocks.ts";
import { type MergedForms, mergeForms } from "../depth/merge/merge_forms.ts";
import { reparameterise } from "../depth/merge/reparameterise.ts";
import type { Choice } from "../depth/types.ts";
import { assertEquivalent } from "../graph/equivalence.ts";
import { applyIndexMap, compose } from "../graph/indexmap.ts";
import type { Rewrite } from "../graph/types.ts";
import { partialMasks } from "../prune/structures/masks.ts";
import type { MergeStage, ReparameteriseStage } from "../recipe/registry.ts";
import { withBlocks } from "../report/depth_blocks.ts";
import { pointOf } from "../report/points.ts";
import type { DepthRecord } from "../report/types.ts";
import { mergingOf } from "./borders.ts";
import type { RunContext } from "./context.ts";
import { GOALS } from "./layer_goals.ts";
import type { RunState } from "./run_state.ts";

/** The blocks that have taken a form become as few layers as their form allows, which is proved to change nothing. */
export async function runMergeStage(ctx: RunContext, stage: MergeStage): Promise<void> {
  const { recipe, state, tables, ui } = ctx;
  const { blocks } = findBlocks(state.dense.graph);
  const subnet = recipe.stages.slice(0, state.stage).findLastIndex(({ kind }) => kind === "subnet");
  const { table } = mergingOf({ stages: recipe.stages, tables }, subnet, state.dense.graph);
  const options = { layers: GOALS[stage.layers], table };
  const { rewrite, borders, refused } = mergeForms(state.model, blocks, choicesOf(state), options);
  if (borders.size + refused.length === 0) ui.note("merge: no block has taken a form of several layers");
  for (const { block, reason } of refused) {
    ui.note(`merge: block "${block.name}" stays as its form has it: ${reason}`);
  }
  await carryOut(ctx, rewrite, "merged");
  const graphs = { dense: state.dense.graph, now: state.model.graph };
  state.depth = withBlocks(state.depth, graphs, { borders: withoutMoved(borders, state.depth) });
}

/** Of blocks whose padding has moved that stays what the report says. */
function withoutMoved(borders: MergedForms["borders"], depth: DepthRecord | undefined): MergedForms["borders"] {
  const moved = new Set(depth?.blocks.flatMap(({ name, border }) => border === "moved" ? [name] : []));
  return new Map([...borders].filter(([name]) => !moved.has(name)));
}

/** What has become of each block of the dense network. */
export function choicesOf({ dense, depth }: Pick<RunState, "dense" | "depth">): readonly Choice[] {
  const forms = new Map(depth?.blocks.map(({ name, form }) => [name, form as Choice]));
  return findBlocks(dense.graph).blocks.map(({ name }) => forms.get(name) ?? "keep");
}

/** Branches and layers in a row that are linear together become one layer each; nothing is trained. */
export async function runReparameteriseStage(ctx: RunContext, stage: ReparameteriseStage): Promise<void> {
  await carryOut(ctx, reparameterise(ctx.state.model, { layers: GOALS[stage.layers] }), "reparameterised");
}

async function carryOut(ctx: RunContext, { model, map }: Rewrite, name: string): Promise<void> {
  const { gpu, state, recipe, data, ui } = ctx;
  const before = state.model;
  const { inputs, batch } = proofInputs(data.validation, recipe.seed);
  const { maxAbs, maxRel, inputs: compared } = await assertEquivalent(gpu, before, model, inputs, batch);
  const proof = { maxAbs, maxRel, inputs: compared };
  const { tensors, ended } = applyIndexMap(map, state.masks);
  if (ended.length > 0) ui.note(`${name}: the masks of ${ended.map(({ name }) => name).join(", ")} end with the merge`);
  state.masks = partialMasks(tensors);
  state.origin = compose(state.origin, map, state.dense.graph.params);
  state.model = model;
  // The network in the dense shape, and the best epoch, are of layers that aren't there any more.
  state.masked = state.best = undefined;
  state.equivalence = proof;
  state.depth = { ...withBlocks(state.depth, { dense: state.dense.graph, now: model.graph }), merge: proof };
  ui.note(
    `${name}: ${before.graph.nodes.length} steps became ${model.graph.nodes.length}; equal within ${
      proof.maxRel.toExponential(1)
    } on ` +
      `${proof.inputs} inputs`,
  );
  await ctx.log({
    phase: name,
    steps: { before: before.graph.nodes.length, after: model.graph.nodes.length },
    ...proof,
  });
  state.points.push(await pointOf(ctx, name, model));
}
