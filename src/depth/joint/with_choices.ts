/** A network whose blocks have become what a gene says: a form that needs no training, or a narrower block. */
import type { Dataset } from "../../data/types.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { compose, identityMap } from "../../graph/indexmap.ts";
import type { Model, Rewrite } from "../../graph/types.ts";
import { formNamed } from "../forms/forms.ts";
import { settle } from "../forms/settle.ts";
import { linearize } from "../linearize/linearize.ts";
import type { Blocks, Gene } from "../types.ts";
import { narrowBlocks, widthOf } from "./narrow.ts";

export interface Changes {
  readonly gpu: Gpu;
  readonly model: Model;
  readonly blocks: Blocks;
  /** What linear layers are fitted on. */
  readonly images: Dataset;
  readonly signal?: AbortSignal;
}

/**
 * Skips first, then linear layers, each fitted on what went through those before it, then widths. Batch norms keep their statistics.
 *
 * @throws UserError for a form that takes training, or one that its block can't take
 */
export async function withChoices(changes: Changes, gene: Gene): Promise<Rewrite> {
  const { gpu, images, signal, blocks: { blocks } } = changes;
  const { graph } = changes.model;
  const of = (choice: string) => blocks.filter((_, b) => gene[b] === choice);
  let rewrite: Rewrite = { model: changes.model, map: identityMap(graph) };
  const then = ({ model, map }: Rewrite) => rewrite = { model, map: compose(rewrite.map, map, graph.params) };
  for (const block of of("skip")) {
    const { model, map } = formNamed("skip").mixed(rewrite.model, block);
    then({ model: settle(model, "form"), map });
  }
  const linear = of("linear");
  if (linear.length > 0) then((await linearize({ gpu, model: rewrite.model, blocks: linear, images, signal })).rewrite);
  const narrowings = blocks.flatMap((block, b) => {
    const keep = widthOf(gene[b]);
    return keep === undefined ? [] : [{ block, keep }];
  });
  if (narrowings.length > 0) then(narrowBlocks(rewrite.model, narrowings));
  const other = gene.find((choice) => !["keep", "skip", "linear"].includes(choice) && widthOf(choice) === undefined);
  if (other) throw new UserError(`the form "${other}" takes training: expected keep, skip, linear, or a width`);
  return rewrite;
}
