/** Which linear layer can stand for a block: what it reads, what it replaces, and its shape. Structure only, no numbers. */
import { inferShapes } from "../../graph/infer.ts";
import { opOf } from "../../graph/ops/ops.ts";
import { isSum } from "../../graph/roles.ts";
import type { Graph, Node, Shape } from "../../graph/types.ts";
import type { LinearFit } from "../../prune/reconstruct/least_squares.ts";
import type { Block, BlockKind } from "../types.ts";

/** Of rows and of columns. */
type Pair = readonly [number, number];

/** A convolution of images [N, C, H, W], or a linear layer over the last axis of tokens [N, …, D]. Both have a bias. */
export type LinearLayer =
  | {
    readonly kind: "conv";
    readonly channels: number;
    readonly filters: number;
    readonly kernel: readonly [number, number];
    readonly strides: readonly [number, number];
    readonly dilations: readonly [number, number];
    /** ONNX's order: top, left, bottom, right. */
    readonly pads: readonly [number, number, number, number];
  }
  | {
    readonly kind: "tokens";
    readonly channels: number;
    readonly filters: number;
    /** Axes of the tokens, the batch among them. */
    readonly rank: number;
  };

/** The layer and where it goes. */
export interface LinearPlan {
  /** Its shape. */
  readonly layer: LinearLayer;
  /** The value that the layer reads. */
  readonly reads: string;
  /** The value that is replaced: the block's output, or what the activation at its end reads. */
  readonly target: string;
  /** The value that is added to what the layer makes: the shortcut, where it is the identity. */
  readonly skip?: string;
}

/** Why a block has no linear layer, as a clause. */
export interface NoLinearPlan {
  readonly refused: string;
}

/** What may be asked of the layer. */
export interface LinearPlanOptions {
  /** Side of a convolution's kernel at most; default 3. The block's own convolutions, one after the other, may reach further. */
  readonly kernel?: 1 | 3 | 5;
}

/** Where the layer takes its input from, and whether it is a layer over pixels or over tokens. */
type Reading = "window" | "depthwise" | "tokens";

const READING: Readonly<Record<BlockKind, Reading | NoLinearPlan>> = {
  basic: "window",
  bottleneck: "window",
  inverted: "window",
  convolutions: "window",
  convnext: "depthwise",
  transformer: "tokens",
  mlp: "tokens",
  branches: { refused: "its branches are linear already: merge them, which is exact" },
};

/**
 * The linear layer that stands for a block:
 *
 * - basic, bottleneck, inverted and convolutions: one dense convolution of the block's stride, as far as its kernel reaches in the
 *   block but no further than `kernel`. It stands beside the shortcut where that is the identity, else it takes the shortcut in.
 * - convnext: the depthwise convolution stays, and a 1×1 convolution follows it, beside the shortcut.
 * - transformer and mlp: a square layer over tokens stands for the MLP and its norm, beside the shortcut; attention stays.
 *
 * An activation at the block's end stays behind it.
 */
export function linearPlan(graph: Graph, block: Block, options: LinearPlanOptions = {}): LinearPlan | NoLinearPlan {
  const reading = READING[block.kind];
  if (typeof reading !== "string") return reading;
  const shapes = inferShapes(graph);
  const made = madeIn(graph, block);
  const last = made.get(block.output);
  if (!last) return { refused: `nothing in it makes its output "${block.output}"` };
  const target = opOf(last).inference.kind === "activation" ? last.inputs[0] : block.output;
  const { skip, branch } = shortcutOf(made, target);
  const from = skip ?? block.input;
  const [before, after] = [shapes.get(from)!, shapes.get(target)!];
  if (reading === "tokens") {
    if (skip === undefined) return { refused: "its MLP has no shortcut beside it" };
    if (before.length < 3) return { refused: `its tokens are [${before}], expected [N, T, D]` };
    const [channels, filters] = [before.at(-1) as number, after.at(-1) as number];
    return { layer: { kind: "tokens", channels, filters, rank: before.length }, reads: from, target, skip };
  }
  if (before.length !== 4 || after.length !== 4) {
    return { refused: `it makes [${after}] of [${before}], which are no images` };
  }
  const path = pathTo(graph, made, branch, from);
  if (!path) return { refused: "its layers don't follow one after the other" };
  const windows = path.flatMap((node) => windowOf(graph, shapes, node));
  if (reading === "window") {
    return planned(windowLayer(windows, before, after, options.kernel ?? 3), { reads: from, target, skip });
  }
  const depthwise = windows.find(({ node, groups }) => groups > 1 && node.inputs[0] === from);
  if (skip === undefined || !depthwise) {
    return { refused: "no depthwise convolution reads its input beside a shortcut" };
  }
  const reads = depthwise.node.outputs[0];
  return planned(windowLayer([], shapes.get(reads)!, after, 1), { reads, target, skip });
}

function planned(
  layer: LinearLayer | NoLinearPlan,
  { skip, ...place }: Omit<LinearPlan, "layer">,
): LinearPlan | NoLinearPlan {
  if ("refused" in layer) return layer;
  return skip === undefined ? { layer, ...place } : { layer, ...place, skip };
}

/** Numbers that one of the layer's filters multiplies: the columns of its fit. */
export function inputsOf(layer: LinearLayer): number {
  return layer.kind === "conv" ? layer.channels * layer.kernel[0] * layer.kernel[1] : layer.channels;
}

/** A layer that makes nothing: all that is left of a block is its shortcut. */
export function zeroFit({ layer }: LinearPlan): LinearFit {
  return { weight: new Float64Array(layer.filters * inputsOf(layer)), bias: new Float64Array(layer.filters) };
}

/** Value -> the node of the block that makes it. */
function madeIn(graph: Graph, block: Block): ReadonlyMap<string, Node> {
  const inside = new Set(block.nodes);
  return new Map(graph.nodes.filter(({ name }) => inside.has(name)).map((node) => [node.outputs[0], node]));
}

/**
 * Of a sum of which one operand is computed from the other: that other one, which is the shortcut, and the first, the
 * branch. Of anything else all of it is the branch.
 */
function shortcutOf(
  made: ReadonlyMap<string, Node>,
  target: string,
): { readonly skip?: string; readonly branch: string } {
  const sum = made.get(target);
  if (!sum || !isSum(sum)) return { branch: target };
  const [a, b] = sum.inputs;
  if (dependsOn(made, b, a)) return { skip: a, branch: b };
  if (dependsOn(made, a, b)) return { skip: b, branch: a };
  // A shortcut with a layer of its own: the branch is the side with an activation, and the layer stands for both.
  const active = [a, b].find((value) =>
    nodesBefore(made, value).some((node) => opOf(node).inference.kind === "activation")
  );
  return { branch: active ?? a };
}

function dependsOn(made: ReadonlyMap<string, Node>, value: string, on: string): boolean {
  return value !== on && nodesBefore(made, value).some(({ inputs }) => inputs.includes(on));
}

/** The nodes of the block that a value is made by. */
function nodesBefore(made: ReadonlyMap<string, Node>, value: string): Node[] {
  const found = new Set<Node>();
  const visit = (name: string) => {
    const node = made.get(name);
    if (!node || found.has(node)) return;
    found.add(node);
    node.inputs.forEach(visit);
  };
  visit(value);
  return [...found];
}

/** The nodes between two values, in order of execution; undefined where a node reads several values. */
function pathTo(graph: Graph, made: ReadonlyMap<string, Node>, value: string, from: string): Node[] | undefined {
  const path: Node[] = [];
  for (let at = value; at !== from;) {
    const node = made.get(at);
    const read = new Set(node?.inputs.filter((name) => !graph.params[name]));
    if (!node || read.size !== 1) return undefined;
    path.unshift(node);
    [at] = read;
  }
  return path;
}

/** How far a convolution reaches, in pixels [rows, columns]. */
interface Window {
  readonly node: Node;
  readonly groups: number;
  readonly reach: Pair;
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Before the first row and column. */
  readonly pads: Pair;
}

function windowOf(graph: Graph, shapes: ReadonlyMap<string, Shape>, node: Node): Window[] {
  const { inference } = opOf(node);
  const [x, weight] = node.inputs;
  const shape = shapes.get(x)!;
  if (inference.kind !== "layer" || shape.length !== 4 || !graph.params[weight]) return [];
  const problem = inference.layer(node, [1, ...shape.slice(1)] as number[], graph.params[weight].shape);
  if (problem.kind !== "conv") return [];
  const { kernel, stride, pads, dilation, groups } = problem.conv;
  const reach = (axis: 0 | 1) => dilation[axis] * (kernel[axis] - 1) + 1;
  return [{
    node,
    groups,
    reach: [reach(0), reach(1)],
    strides: stride,
    dilations: dilation,
    pads: [pads[0], pads[1]],
  }];
}

/**
 * The convolution from images `before` to images `after` whose window has its centre where that of these convolutions, one
 * after the other, has it (K = k1 + (k2 − 1)·s1, pad = p1 + s1·p2), and reaches as far, at most `most` taps.
 */
function windowLayer(
  windows: readonly Window[],
  before: Shape,
  after: Shape,
  most: number,
): LinearLayer | NoLinearPlan {
  const [rows, columns] = ([0, 1] as const).map((axis) => {
    let [reach, stride, pad, dilation] = [1, 1, 0, 1];
    for (const window of windows) {
      reach += (window.reach[axis] - 1) * stride;
      pad += window.pads[axis] * stride;
      stride *= window.strides[axis];
      dilation = Math.max(dilation, window.dilations[axis]);
    }
    const taps = Math.min(most, Math.floor((reach - 1) / dilation) + 1);
    const own = dilation * (taps - 1) + 1;
    const begin = pad - Math.floor((reach - own) / 2);
    const [from, into] = [before[2 + axis] as number, after[2 + axis] as number];
    const end = Math.max(0, (into - 1) * stride + own - from - begin);
    const fits = begin >= 0 && Math.floor((from + begin + end - own) / stride) + 1 === into;
    return { taps, stride, dilation, begin, end, fits };
  });
  if (!rows.fits || !columns.fits) {
    return {
      refused: `a kernel of ${rows.taps}×${columns.taps} doesn't make [${after}] of [${before}] around its centre`,
    };
  }
  return {
    kind: "conv",
    channels: before[1] as number,
    filters: after[1] as number,
    kernel: [rows.taps, columns.taps],
    strides: [rows.stride, columns.stride],
    dilations: [rows.dilation, columns.dilation],
    pads: [rows.begin, columns.begin, rows.end, columns.end],
  };
}
