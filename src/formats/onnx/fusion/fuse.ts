/**
 * What exporters wrote in many nodes, as the one that was meant. Some operators of these patterns (Erf, Pow, Sqrt) stand in
 * no graph of ours: those are fused among the nodes of the file. Others need shapes: those are fused in the graph.
 */
import { withoutUnneeded } from "../../../graph/rewrite/needed_nodes.ts";
import type { Model } from "../../../graph/types.ts";
import type { OnnxNode } from "../types.ts";
import { fuseAttention } from "./attention.ts";
import { fuseExpanded } from "./fuse_expanded.ts";
import { fuseChannelShuffle } from "./channel_shuffle.ts";
import { fuseGelu } from "./gelu.ts";
import { fuseGroupNorm } from "./group-norm.ts";
import { fuseHardSwish } from "./hard-swish.ts";
import { fuseLayerNorm } from "./layer-norm.ts";
import { fuseMish } from "./mish.ts";
import type { NodeGraph } from "./pattern.ts";

export function fuseNodes({ nodes, ...numbers }: NodeGraph): readonly OnnxNode[] {
  return [fuseGelu, fuseLayerNorm, fuseHardSwish, fuseMish]
    .reduce<readonly OnnxNode[]>((before, fuse) => fuse({ nodes: before, ...numbers }), nodes);
}

/** Also leaves out what no output needs, nodes and parameters. */
export function fuseGraph(model: Model): Model {
  return [fuseExpanded, fuseAttention, fuseGroupNorm, fuseChannelShuffle].reduce(
    (before, fuse) => withoutUnneeded(fuse(before)),
    withoutUnneeded(model),
  );
}
