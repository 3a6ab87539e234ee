/** Controls of runs that prune depth: the same blocks, changed in simpler ways. */
import { spread } from "../data/splits.ts";
import { findBlocks } from "../depth/blocks/find_blocks.ts";
import { controlGene, type DepthControl, UNTRAINED_CONTROLS } from "../depth/depth_controls.ts";
import { chosenNetwork } from "../depth/joint/start_choices.ts";
import { mergeForms } from "../depth/merge/merge_forms.ts";
import type { Stage } from "../recipe/registry.ts";
import { recalibrate } from "../train/recalibrate.ts";
import { bordersOf, mergingOf } from "./borders.ts";
import type { RunContext } from "./context.ts";
import type { Control } from "./controls.ts";
import { familyLoss } from "./loss.ts";
import { choicesOf } from "./merge.ts";

/** Training images that forms begin with, where no subnet stage says how many. */
const IMAGES = 256;

/** The network of a control. It learns from what the subnet did, and is merged where the run's own network was. */
export async function depthControl(ctx: RunContext, method: DepthControl, before: readonly Stage[]): Promise<Control> {
  const { gpu, state: { dense }, data, recipe, signal, ui } = ctx;
  const { blocks } = findBlocks(dense.graph);
  const { gene, others } = controlGene(dense.graph, blocks, choicesOf(ctx.state), method);
  for (const { block, reason } of others) {
    ui.note(`control: ${method}: block "${block.name}" takes the form that was chosen for it: ${reason}`);
  }
  const at = before.findLastIndex(({ kind }) => kind === "subnet");
  const subnet = before.findLast((stage) => stage.kind === "subnet");
  const images = spread(data.train, subnet?.images ?? IMAGES);
  const borders = at < 0 ? undefined : bordersOf(ctx, at, dense.graph, blocks, gene);
  const model = await chosenNetwork({ gpu, model: dense, blocks, gene, borders, images, signal });
  const merge = before.findLast((stage) => stage.kind === "merge");
  const loss = subnet ? familyLoss(subnet, dense)(model.graph) : undefined;
  return {
    model,
    ...UNTRAINED_CONTROLS.has(method) && { epochs: 0 },
    ...loss && { family: { graphs: [model.graph], loss } },
    async finish(trained) {
      const settled = await recalibrate(gpu, trained, data.train, recipe.batch);
      return merge
        ? mergeForms(settled, blocks, gene, mergingOf({ stages: recipe.stages, tables: ctx.tables }, at, dense.graph))
          .rewrite.model
        : settled;
    },
  };
}
