/** Zeros only around what a block reads: then its convolutions merge to one kernel everywhere. */
import type { Pads } from "../../graph/attrs.ts";
import { UserError } from "../../errors.ts";
import { identityMap } from "../../graph/indexmap.ts";
import { inferShapes } from "../../graph/infer.ts";
import { freshName, takenNames } from "../../graph/names.ts";
import { ANY_ORDER } from "../../graph/ops/op.ts";
import { opOf } from "../../graph/ops/ops.ts";
import type { Graph, Model, Node, Rewrite, Shape } from "../../graph/types.ts";
import type { Block } from "../types.ts";
import { passage } from "./region.ts";

/**
 * The network with the padding of all convolutions of a block moved to the first one on each way from its input to its output:
 * pads p₁ + s₁ · p₂ there and none behind. Sizes at both ends stay, a shortcut stays as it is, values in between get larger.
 * What it computes changes at the border of images, so it is done before training (`adjust_padding` of
 * snu-mllab/Efficient-CNN-Depth-Compression). Where something other than a convolution comes first, a Pad does.
 *
 * @throws UserError where the block holds what can't work on a larger image
 */
export function moveBorders(model: Model, block: Pick<Block, "name" | "input" | "output">): Rewrite {
  const { graph } = model;
  const shapes = inferShapes(graph);
  const found = passage(graph, block);
  if ("refused" in found) throw refusal(block, found.refused);
  const margins = new Map<string, Margin>([[block.output, NONE]]);
  const pads = new Map<Node, Margin>();
  const padded = new Map<Node, Margin>();
  for (const node of found.nodes.toReversed()) {
    const margin = margins.get(node.outputs[0])!;
    const isConv = convolution(node, graph, shapes.get(node.inputs[0]) ?? []) !== undefined;
    if (!isConv && !isPointwise(node) && !isNone(margin)) {
      throw refusal(block, `its ${node.op} "${node.name}" can't work on an image with more of a border`);
    }
    const read = node.inputs.filter((name) => !(name in graph.params));
    const wanted = isConv ? widened(node, graph, shapes, margin) : margin;
    for (const name of read) {
      if (name !== block.input) want(name, wanted);
      else if (isConv) pads.set(node, wanted);
      else if (!isNone(wanted)) padded.set(node, wanted);
    }
    if (isConv && !read.includes(block.input)) pads.set(node, NONE);
  }
  return {
    model: { graph: repadded(graph, block.input, pads, padded), params: model.params },
    map: identityMap(graph),
  };

  function want(value: string, margin: Margin): void {
    const known = margins.get(value);
    if (known && known.join() !== margin.join()) {
      throw refusal(block, `"${value}" is read by layers of which each would need another border of it`);
    }
    margins.set(value, margin);
  }
}

/** Rows and columns more than an image has: top, left, bottom, right. */
type Margin = Pads;

const NONE: Margin = [0, 0, 0, 0];

function isNone(margin: Margin): boolean {
  return margin.every((lines) => lines === 0);
}

function refusal({ name }: Pick<Block, "name">, reason: string): UserError {
  return new UserError(`block "${name}": its padding can't be moved: ${reason}; merge it with border: exact`);
}

/** What a convolution needs around its input where so much more of its output is wanted, and none of its own padding is left. */
function widened(node: Node, graph: Graph, shapes: ReadonlyMap<string, Shape>, margin: Margin): Margin {
  const [x, made] = [shapes.get(node.inputs[0])!, shapes.get(node.outputs[0])!];
  const { kernel, stride, dilation, pads } = convolution(node, graph, x)!;
  const along = (axis: 0 | 1) => {
    const size = (made[2 + axis] as number) + margin[axis] + margin[axis + 2];
    const before = pads[axis] + stride[axis] * margin[axis];
    const reach = (size - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1;
    // A stride may leave lines at the end unread.
    return [before, Math.max(0, reach - before - (x[2 + axis] as number))] as const;
  };
  const [rows, cols] = [along(0), along(1)];
  return [rows[0], cols[0], rows[1], cols[1]];
}

/** The geometry of a convolution of images; undefined for other nodes. */
function convolution(node: Node, { params }: Graph, x: Shape) {
  const { inference } = opOf(node);
  if (inference.kind !== "layer" || !(node.inputs[1] in params) || x.length !== 4) return undefined;
  const problem = inference.layer(node, [1, ...x.slice(1) as number[]], params[node.inputs[1]].shape);
  return problem.kind === "conv" ? problem.conv : undefined;
}

/** It makes each pixel of that pixel alone. */
function isPointwise(node: Node): boolean {
  const { axes, inference } = opOf(node);
  return axes === ANY_ORDER || inference.kind === "channel affine" || inference.kind === "identity";
}

/** The graph with these pads in the place of convolutions' own, and with Pads before what else reads the block's input. */
function repadded(
  graph: Graph,
  input: string,
  pads: ReadonlyMap<Node, Margin>,
  padded: ReadonlyMap<Node, Margin>,
): Graph {
  const taken = takenNames(graph);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const own = pads.get(node);
    if (own) return [{ ...node, attrs: { ...node.attrs, pads: own } }];
    const margin = padded.get(node);
    if (!margin) return [node];
    const name = freshName(taken, `${node.name}.pad`);
    const [top, left, bottom, right] = margin;
    const attrs = { pads: [0, 0, top, left, 0, 0, bottom, right] };
    return [
      { name, op: "Pad", inputs: [input], outputs: [name], attrs },
      { ...node, inputs: node.inputs.map((read) => read === input ? name : read) },
    ];
  });
  const moved = { ...graph, nodes };
  inferShapes(moved);
  return moved;
}
