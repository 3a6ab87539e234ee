/** What became of the blocks of a network, as its report tells it. */
import { findBlocks } from "../depth/blocks/find_blocks.ts";
import type { Block } from "../depth/types.ts";
import { graphCost } from "../graph/cost.ts";
import type { Graph } from "../graph/types.ts";
import type { DepthBlock, DepthBorder, DepthRecord } from "./types.ts";

/** What a stage knows of blocks, by name; of others it says nothing. */
export interface KnownOfBlocks {
  readonly forms?: ReadonlyMap<string, string>;
  readonly scores?: ReadonlyMap<string, number>;
  readonly borders?: ReadonlyMap<string, DepthBorder>;
}

/**
 * The record with what is known by now: a line for each block of the dense network, of which the form and the score stay what
 * they were unless the stage knows better. MACs are those of the network as it is.
 */
export function withBlocks(
  record: DepthRecord | undefined,
  { dense, now }: { readonly dense: Graph; readonly now: Graph },
  { forms = new Map(), scores = new Map(), borders = new Map() }: KnownOfBlocks = {},
): DepthRecord {
  const before = new Map(record?.blocks.map((block) => [block.name, block]));
  return {
    ...record,
    blocks: findBlocks(dense).blocks.map((block): DepthBlock => {
      const { name, kind } = block;
      const known = before.get(name);
      const score = scores.get(name) ?? known?.score;
      const macs = { before: macsBetween(dense, block) ?? 0, after: macsBetween(now, block) ?? 0 };
      const form = forms.get(name) ?? known?.form ?? "keep";
      const border = borders.get(name) ?? known?.border;
      return { ...known, name, kind, form, ...score !== undefined && { score }, ...border && { border }, macs };
    }),
  };
}

/** Multiply-adds of what the block's output is made by from its input; undefined where nothing makes it. */
function macsBetween(graph: Graph, { input, output }: Pick<Block, "input" | "output">): number | undefined {
  const { nodes } = graphCost(graph);
  const makers = new Map(graph.nodes.map((node) => [node.outputs[0], node]));
  const seen = new Set<string>([input]);
  if (!makers.has(output)) return undefined;
  const visit = (value: string): number => {
    const node = makers.get(value);
    if (!node || seen.has(value)) return 0;
    seen.add(value);
    return node.inputs.reduce((sum, name) => sum + visit(name), nodes.get(node.name)!.macs);
  };
  return visit(output);
}
