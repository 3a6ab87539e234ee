/** Blocks with fewer of the channels that only they know: what stands between blocks keeps its width. */
import { UserError } from "../../errors.ts";
import { identityMap } from "../../graph/indexmap.ts";
import type { Graph, Model, Rewrite } from "../../graph/types.ts";
import { type CoupledClass, coupledClasses } from "../../prune/groups/coupling.ts";
import { prune } from "../../prune/prune_model.ts";
import { compact } from "../../prune/rewrite/compact.ts";
import type { Block, Choice, FormName, Gene, Width } from "../types.ts";

/** The fraction that a choice says; undefined for every choice that is no width. */
export function widthOf(choice: Choice): number | undefined {
  return choice.startsWith("width ") ? Number(choice.slice("width ".length)) : undefined;
}

/** What a gene makes of the blocks that it doesn't narrow: those stay as they are. */
export function formsIn(gene: Gene): readonly ("keep" | FormName)[] {
  return gene.map((choice) => isWidth(choice) ? "keep" : choice);
}

function isWidth(choice: Choice): choice is Width {
  return widthOf(choice) !== undefined;
}

/** A block, and the fraction of its inner layers' filters that stays, in (0, 1). */
export interface Narrowing {
  readonly block: Pick<Block, "name" | "nodes">;
  readonly keep: number;
}

/** Coupling classes of the block's own channels: all layers that make them, and all that read them, stand inside. */
export function innerClasses(graph: Graph, block: Pick<Block, "nodes">): CoupledClass[] {
  const inside = new Set(block.nodes);
  return coupledClasses(graph).filter(({ prunable, producers, consumers }) =>
    prunable && [...producers.map(({ node }) => node), ...consumers].every((node) => inside.has(node))
  );
}

/** Layers of the block whose filters may go without any node outside noticing: the first of each inner class. */
export function innerLayers(graph: Graph, block: Pick<Block, "nodes">): string[] {
  return innerClasses(graph, block).map(({ id }) => id);
}

/**
 * The network in which the inner layers of these blocks keep the filters of the largest norms, and are physically that small.
 * Nothing is trained.
 *
 * @throws UserError where a block has no inner layer
 */
export function narrowBlocks(model: Model, narrowings: readonly Narrowing[]): Rewrite {
  if (narrowings.length === 0) return { model, map: identityMap(model.graph) };
  const constraints = narrowings.map(({ block, keep }) => {
    const layers = innerLayers(model.graph, block);
    if (layers.length === 0) {
      throw new UserError(`block "${block.name}" has no channels of its own: all that it makes is read outside of it`);
    }
    return { granularity: "filter" as const, keep, layers };
  });
  const pruned = prune(model, { constraints });
  const { model: small, map } = compact(pruned.model, { columns: false, border: "keep" });
  return { model: small, map };
}

/** The network with the blocks narrowed for which the gene has a width; nodes and values keep their names. */
export function narrowedBy(model: Model, blocks: readonly Block[], gene: Gene): Rewrite {
  return narrowBlocks(
    model,
    blocks.flatMap((block, b) => {
      const keep = widthOf(gene[b]);
      return keep === undefined ? [] : [{ block, keep }];
    }),
  );
}
