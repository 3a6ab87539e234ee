/** Blocks with fewer of the channels that only they know: what stands between blocks keeps its width. */
import { UserError } from "../../errors.ts";
import type { Graph, Model, Rewrite } from "../../graph/types.ts";
import { type CoupledClass, coupledClasses } from "../../prune/groups/coupling.ts";
import { prune } from "../../prune/prune_model.ts";
import { compact } from "../../prune/rewrite/compact.ts";
import type { Block, Choice } from "../types.ts";

/** The fraction that a choice says; undefined for every choice that is no width. */
export function widthOf(choice: Choice): number | undefined {
  return choice.startsWith("width ") ? Number(choice.slice("width ".length)) : undefined;
}

/** A block, and the fraction of its inner layers' filters that stays, in (0, 1). */
export interface Narrowing {
  readonly block: Pick<Block, "name" | "nodes">;
  readonly keep: number;
}

/**
 * Layers of the block whose filters may go without any node outside noticing: one for each coupling class of which all layers,
 * and all that read them, stand inside.
 */
export function innerLayers(graph: Graph, block: Pick<Block, "nodes">): string[] {
  const inside = new Set(block.nodes);
  const own = ({ prunable, producers, consumers }: CoupledClass) =>
    prunable && [...producers.map(({ node }) => node), ...consumers].every((node) => inside.has(node));
  return coupledClasses(graph).filter(own).map(({ id }) => id);
}

/**
 * The network in which the inner layers of these blocks keep the filters of the largest norms, and are physically that small.
 * Nothing is trained.
 *
 * @throws UserError where a block has no inner layer
 */
export function narrowBlocks(model: Model, narrowings: readonly Narrowing[]): Rewrite {
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
