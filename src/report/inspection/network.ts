/** What `secateur inspect` tells of a network. */
import { findBlocks } from "../../depth/blocks/find_blocks.ts";
import type { Blocks } from "../../depth/types.ts";
import type { Graph } from "../../graph/types.ts";
import { inspect, type Inspection } from "../../prune/inspect.ts";

/** What there is to prune: channels, and blocks. */
export interface NetworkInspection extends Inspection {
  readonly blocks: Blocks;
}

/** @throws UserError when the graph isn't valid */
export function inspectNetwork(graph: Graph): NetworkInspection {
  return { ...inspect(graph), blocks: findBlocks(graph) };
}
