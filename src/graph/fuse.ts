/**
 * Which nodes one kernel does: a layer with the bias, the residual add and the activation after it; or what follows a layer and
 * its kernels don't do. Pure.
 */
import type { AffineActivation } from "../../kernels/pointwise/channel_affine.ts";
import { findHeads, type Heads } from "./heads.ts";
import { inferShapes } from "./infer.ts";
import { consumers } from "./names.ts";
import type { LayerInference } from "./ops/op.ts";
import { opOf } from "./ops/ops.ts";
import { hasFilterRows, isBatchNorm, isBorderTable, isRowNorm, isSum } from "./roles.ts";
import { isPerColumn, sameShape } from "./shapes.ts";
import type { Graph, Node } from "./types.ts";

/** A node with what its kernel does besides. */
export interface FusedStep {
  /** The node that the kernel is for. */
  readonly node: Node;
  /** The layer's bias: its third input, or the parameter that an Add after a MatMul gives to each column. */
  readonly bias?: string;
  /** The value that is added before the activation. */
  readonly residual?: string;
  /** What is applied last. */
  readonly activation: "none" | "relu" | "relu6" | "gelu" | "geluTanh";
  /** What a kernel of its own does to each number instead, where nodes that follow a layer stand in a row. */
  readonly chain?: Chain;
  /** Of a layer norm between two Transposes, over whose axis 1 it goes: the value before them. Its output lies as that does. */
  readonly over?: string;
  /** Of an attention whose kernel finds, or puts, its heads within other values than the node's. */
  readonly heads?: Heads;
  /** What the step makes: the last fused node's output. */
  readonly output: string;
}

/** A table of biases, then an activation, then a batch norm: a merged block ends with them. */
export interface Chain {
  /** A node that adds a table of biases. */
  readonly border?: Node;
  /** What follows it. */
  readonly activation: "none" | "relu" | "relu6" | "gelu" | "geluTanh";
  /** What is done last. */
  readonly norm?: {
    /** A BatchNormalization. */
    readonly node: Node;
    /** Of the channels, which the norm itself has first: it may stand between two Transposes. */
    readonly axis: number;
  };
}

export interface FuseOptions {
  /** Whether layers do GELU as well, but for grouped ones. Default: not. */
  readonly gelu?: boolean;
}

/**
 * The graph's nodes in order of execution, with `Add` and `Relu`/`Relu6` drawn into the layer, or the MatMul by a parameter,
 * before them, what else follows in a row as one step, and nothing of what only brings heads to an attention, or away from it.
 */
export function fuse(graph: Graph, { gelu = false }: FuseOptions = {}): FusedStep[] {
  const readers = consumers(graph);
  const shapes = inferShapes(graph);
  const made = new Set(graph.inputs.map(({ name }) => name));
  const { heads, passed } = findHeads(graph, shapes);
  const sources = new Set(heads.values().flatMap(({ inputs }) => inputs));
  const done = new Set<Node>(passed);
  const steps: FusedStep[] = [];
  const follower = (value: string): Node | undefined => {
    const next = readers.get(value);
    return next?.length === 1 && !sources.has(value) && !graph.outputs.includes(value) ? next[0] : undefined;
  };
  for (const node of inOrder(graph, follower)) {
    if (done.has(node)) continue;
    const placed = heads.get(node);
    if (placed) {
      steps.push({ node, activation: "none", heads: placed, output: placed.output });
      made.add(placed.output);
      continue;
    }
    const across = normOverChannels(node, follower);
    if (across) {
      const [norm, back] = across;
      done.add(norm).add(back);
      steps.push({ node: norm, activation: "none", over: node.inputs[0], output: back.outputs[0] });
      made.add(back.outputs[0]);
      continue;
    }
    const row = chainFrom(node, follower);
    if (row) {
      for (const member of row.members) done.add(member);
      const output = row.members.at(-1)!.outputs[0];
      steps.push({ node, activation: "none", chain: row.chain, output });
      made.add(output);
      continue;
    }
    let output = node.outputs[0];
    const layer = layerOf(graph, node);
    let bias = layer?.filters === "first" ? node.inputs[2] : undefined;
    let residual: string | undefined;
    let activation: FusedStep["activation"] = "none";
    const shift = layer?.filters === "last" ? follower(output) : undefined;
    const perColumn = shift && isSum(shift) ? shift.inputs.find((name) => name !== output) : undefined;
    if (shift && perColumn && isPerColumn(graph.params[perColumn]?.shape ?? [], shapes.get(output)!)) {
      bias = perColumn;
      output = shift.outputs[0];
      done.add(shift);
    }
    if (layer) {
      const sum = follower(output);
      const other = sum && isSum(sum) ? sum.inputs.find((name) => name !== output) : undefined;
      // The other operand must exist by now, and have the same shape: broadcasts and parameters stay nodes of their own.
      if (sum && other && made.has(other) && sameShape(shapes.get(other)!, shapes.get(output)!)) {
        residual = other;
        output = sum.outputs[0];
        done.add(sum);
      }
      const next = follower(output);
      const wide = gelu && (node.attrs.group ?? 1) === 1;
      const kind = next && (fusedActivation(next) ?? (wide ? chainedGelu(next) : undefined));
      if (next && kind) {
        activation = kind;
        output = next.outputs[0];
        done.add(next);
      }
    }
    steps.push({ node, bias, residual, activation, output });
    made.add(output);
  }
  return steps;
}

/** The values and parameters that a step reads, one as often as it does. */
export function readsOf({ node, bias, residual, heads, over }: FusedStep): string[] {
  const inputs = over === undefined ? node.inputs : [over, ...node.inputs.slice(1)];
  return [...heads?.inputs ?? inputs, bias, residual].filter((name) => name !== undefined);
}

interface Row {
  readonly members: readonly Node[];
  readonly chain: Chain;
}

/** The nodes from this one on that one kernel does to each number; undefined where they are fewer than two and no norm. */
function chainFrom(first: Node, follower: (value: string) => Node | undefined): Row | undefined {
  const members: Node[] = [];
  let next: Node | undefined = first;
  const take = (nodes: readonly Node[]) => {
    members.push(...nodes);
    next = follower(nodes.at(-1)!.outputs[0]);
  };
  const border = isBorderTable(first) ? first : undefined;
  if (border) take([border]);
  const activation = next && chainedActivation(next);
  if (activation) take([next!]);
  const along = next && normAlong(next, follower);
  // A table belongs to axis 1.
  const norm = along && (!border || along.axis === 1) ? along : undefined;
  if (norm) members.push(...norm.nodes);
  if (members.length < 2 && !norm) return undefined;
  return {
    members,
    chain: { border, activation: activation ?? "none", norm: norm && { node: norm.node, axis: norm.axis } },
  };
}

/** A batch norm that begins here: alone, or between two Transposes that swap axis 1 with another one. */
function normAlong(first: Node, follower: (value: string) => Node | undefined) {
  if (isBatchNorm(first)) return { node: first, axis: 1, nodes: [first] };
  const axis = swappedWithChannels(first);
  if (axis === undefined) return undefined;
  const node = follower(first.outputs[0]);
  const back = node && isBatchNorm(node) ? follower(node.outputs[0]) : undefined;
  return node && back && swappedWithChannels(back) === axis ? { node, axis, nodes: [first, node, back] } : undefined;
}

/** A layer norm, and the Transpose back, where this Transpose brings axis 1 to the end for it. */
function normOverChannels(
  first: Node,
  follower: (value: string) => Node | undefined,
): readonly [norm: Node, back: Node] | undefined {
  const perm = permutation(first);
  if (!perm || perm.length < 3 || !perm.every((from, to) => from === channelsLast(perm.length)[to])) return undefined;
  const norm = follower(first.outputs[0]);
  const back = norm && isRowNorm(norm) ? follower(norm.outputs[0]) : undefined;
  const returns = back && permutation(back)?.every((from, to) => perm[from] === to);
  return norm && back && returns ? [norm, back] : undefined;
}

/** [0, 2, 3, 1] of four axes. */
function channelsLast(rank: number): number[] {
  return Array.from({ length: rank }, (_, to) => to === 0 ? 0 : to === rank - 1 ? 1 : to + 1);
}

/** Which axis a Transpose brings to each place; undefined for all else. */
function permutation(node: Node): readonly number[] | undefined {
  return opOf(node).axes?.kind === "permutes" ? node.attrs.perm as readonly number[] | undefined : undefined;
}

/** The axis that a Transpose swaps with axis 1; undefined for all else. */
function swappedWithChannels(node: Node): number | undefined {
  const perm = permutation(node);
  if (!perm) return undefined;
  const axis = perm[1];
  return axis > 1 && perm.every((from, to) => from === (to === 1 ? axis : to === axis ? 1 : to)) ? axis : undefined;
}

function chainedGelu(node: Node): "gelu" | "geluTanh" | undefined {
  const activation = chainedActivation(node);
  return activation === "gelu" || activation === "geluTanh" ? activation : undefined;
}

function chainedActivation(node: Node): Exclude<AffineActivation, "none"> | undefined {
  const { inference } = opOf(node);
  return inference.kind === "activation" ? inference.chained(node) : undefined;
}

/**
 * The nodes with each layer right before the sum that it alone flows into, where the sum's other operand is made after the
 * layer stands in the graph: a shortcut that subsamples, say. Two layers that meet stay as they stand: the second takes the
 * first one's output in.
 */
function inOrder({ nodes }: Graph, follower: (value: string) => Node | undefined): readonly Node[] {
  const places = new Map(nodes.map((node, i) => [node, i]));
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const placeOf = (node: Node): number => {
    const place = places.get(node)!, [output] = node.outputs;
    const sum = hasFilterRows(node) ? follower(output) : undefined;
    const other = sum && isSum(sum) ? makers.get(sum.inputs.find((name) => name !== output) ?? "") : undefined;
    return sum && other && !hasFilterRows(other) && places.get(other)! > place ? places.get(sum)! - 0.5 : place;
  };
  const moved = new Map(nodes.map((node) => [node, placeOf(node)]));
  return nodes.toSorted((a, b) => moved.get(a)! - moved.get(b)!);
}

/** What a node is to a plan as a layer; undefined for other nodes, and for a product of two values. */
export function layerOf({ params }: Graph, node: Node): LayerInference | undefined {
  const { inference } = opOf(node);
  return inference.kind === "layer" && node.inputs[1] in params ? inference : undefined;
}

/** The activation that kernels of layers and norms do as well, if the node is one. */
export function fusedActivation(node: Node): "relu" | "relu6" | undefined {
  const { inference } = opOf(node);
  return inference.kind === "activation" ? inference.fused(node) : undefined;
}
