/** What a search stage may choose among, and what is asked of it. */
import { findBlocks } from "../depth/blocks/find_blocks.ts";
import { jointSpace, type PricedNetwork } from "../depth/joint/joint_space.ts";
import { widthOf } from "../depth/joint/narrow.ts";
import { checkConstraint, type GeneConstraint, type GeneSpace } from "../depth/search/gene_space.ts";
import { constraintOf, unitOf } from "../depth/search/search_target.ts";
import type { TrainedSupernet } from "../depth/supernet/gene_networks.ts";
import type { Choice, FormName } from "../depth/types.ts";
import { UserError } from "../errors.ts";
import type { Model } from "../graph/types.ts";
import { estimateFor } from "../measure/latency/choose.ts";
import type { SearchStage } from "../recipe/registry.ts";
import { mergingOf, type MergingSetting } from "./borders.ts";
import { geneOf } from "./genes.ts";

/** What the search may choose among, and what is asked of it. */
export interface Searched {
  readonly priced: PricedNetwork;
  readonly forms: readonly FormName[];
  readonly space: GeneSpace;
  readonly constraint: GeneConstraint | undefined;
}

/** @throws UserError for layers that the device's tables don't have */
export function whatIsSearched(
  model: Model,
  stage: SearchStage,
  forms: readonly FormName[],
  setting: MergingSetting,
): Searched {
  const unit = unitOf(stage);
  const estimate = unit === "ms" ? estimateFor(setting.tables, stage.budget!, model) : undefined;
  const merging = mergingOf(setting, setting.stages.indexOf(stage), model.graph);
  const priced = { model, blocks: findBlocks(model.graph).blocks, unit, estimate, merging };
  // Who names forms is asking also for those that take more than their block.
  const all = stage.gene !== undefined || stage.forms !== undefined || forms.some((form) => form !== "linear");
  const space = jointSpace({ ...priced, forms, widths: widthsFor(stage), all });
  return { priced, forms, space, constraint: constraintOf(space, stage) };
}

/** @throws UserError where the recipe asks for other choices than the supernet has */
export function formsFor(stage: SearchStage, supernet: TrainedSupernet | undefined): readonly FormName[] {
  const named = namedIn(stage).filter((choice): choice is FormName => widthOf(choice) === undefined);
  const asked = [...new Set([...stage.forms ?? ["linear"], ...named])];
  if (!supernet) return asked;
  const own = [...new Set(supernet.blocks.map(({ form }) => form).filter((form): form is FormName => form !== "keep"))];
  const other = [...stage.forms ?? [], ...named].find((form) => !own.includes(form));
  if (other === undefined) return own;
  throw new UserError(`search: the supernet was trained with ${own.join(", ")}, not with ${other}: leave forms out`);
}

function widthsFor(stage: SearchStage): readonly number[] {
  return [...new Set([...stage.widths ?? [], ...namedIn(stage).flatMap((choice) => widthOf(choice) ?? [])])];
}

/** What the recipe's own gene names, but for keep. */
function namedIn({ gene = [] }: SearchStage): Exclude<Choice, "keep">[] {
  return gene.filter((place) => typeof place === "string" && place !== "keep");
}

/** Says before anything is trained what no search could find. @throws UserError */
export function checkSearch(model: Model, stage: SearchStage, start: FormName, setting: MergingSetting): void {
  const forms = formsFor({ ...stage, forms: stage.forms ?? [start] }, undefined);
  const { space, constraint } = whatIsSearched(model, stage, forms, setting);
  if (stage.gene) geneOf(space, stage.gene, forms[0]);
  if (constraint) checkConstraint(space, constraint);
}
