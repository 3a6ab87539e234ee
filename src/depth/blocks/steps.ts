/**
 * A network as steps, each from one value to another: an operator of one input, or several that begin at one value and come
 * together again. What a step does is told from the tables of operators, so a file's network is read as the zoo's are.
 */
import { consumers } from "../../graph/names.ts";
import { inferShapes } from "../../graph/infer.ts";
import { layerOf } from "../../graph/fuse.ts";
import { LAYOUT_OPS } from "../../graph/ops/layout_ops.ts";
import { opOf } from "../../graph/ops/ops.ts";
import { isBatchNorm, isSum } from "../../graph/roles.ts";
import { concrete, sameShape } from "../../graph/shapes.ts";
import type { Graph, Node, Shape } from "../../graph/types.ts";
import { mayBeAffine } from "../merge/affine_ops.ts";
import { dominators } from "./dominators.ts";

/** What a step does, and the letter that patterns of blocks have for it. */
export const STEP_LETTERS = {
  /** A convolution that reads more than one pixel of all channels. */
  spatial: "C",
  /** The same of a part of the channels. */
  grouped: "G",
  /** The same of one channel. */
  depthwise: "D",
  /** A 1×1 convolution, or a linear layer over rows or tokens. */
  pointwise: "P",
  "batch norm": "B",
  /** Statistics of a sample's own numbers: layer, group or instance norm. */
  norm: "L",
  activation: "A",
  /** A factor or a summand for each channel. */
  scale: "S",
  /** Another order of axes. */
  move: "M",
  /** Dropout, or nothing: a step of inference that does nothing. */
  idle: "I",
  /** It drops numbers, repeats them, takes the mean of windows, or puts zeros beside them. */
  selection: "Z",
  /** Branches that are added up. */
  sum: "+",
  other: "X",
} as const;

export type StepKind = keyof typeof STEP_LETTERS;

/** What stands between two values, with nothing that goes in elsewhere. */
export interface Step {
  readonly kind: StepKind;
  readonly input: string;
  readonly output: string;
  /** In order of execution; the last one makes the output. */
  readonly nodes: readonly Node[];
  /** The axis along which it finds its channels; undefined where it doesn't matter to it. */
  readonly axis?: number;
  /** Of a move: axis i of its output is axis `perm[i]` of its input. */
  readonly perm?: readonly number[];
  /** A value within it that somebody outside reads as well. */
  readonly leak?: { readonly value: string; readonly reader: string };
}

/** A network as steps. */
export interface Steps {
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Value -> the node that makes it. */
  readonly makers: ReadonlyMap<string, Node>;
  /** Value -> the nodes that read it. */
  readonly readers: ReadonlyMap<string, readonly Node[]>;
  /** By the value that they make, in order of execution. */
  readonly steps: ReadonlyMap<string, Step>;
}

/** @throws UserError when the graph isn't valid */
export function stepsOf(graph: Graph): Steps {
  const shapes = inferShapes(graph);
  const before = dominators(graph);
  const makers = new Map(graph.nodes.map((node) => [node.outputs[0], node]));
  const readers = consumers(graph);
  const steps = new Map<string, Step>();
  const network = { graph, shapes, makers, readers, steps };
  for (const node of graph.nodes) {
    const [output] = node.outputs;
    const input = before.get(output);
    if (input === undefined) continue;
    const read = node.inputs.filter((name) => !graph.params[name]);
    const nodes = read.every((name) => name === input) ? [node] : nodesBetween(network, input, output);
    const leak = leakOf(network, nodes, output);
    steps.set(output, {
      input,
      output,
      nodes,
      ...read.length === 1 ? single(network, node) : joined(network, node, input, nodes),
      ...leak && { leak },
    });
  }
  return network;
}

/** The nodes on the ways from one value to another, in order of execution. */
export function nodesBetween(
  { graph, makers }: Pick<Steps, "graph" | "makers">,
  input: string,
  output: string,
): readonly Node[] {
  const found = new Set<Node>();
  const pending = [output];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    const node = value === input ? undefined : makers.get(value);
    if (!node || found.has(node)) continue;
    found.add(node);
    pending.push(...node.inputs.filter((name) => !graph.params[name]));
  }
  return graph.nodes.filter((node) => found.has(node));
}

/** The steps from one value to another, one behind the other; undefined where there is no such row. */
export function rowOf({ steps }: Steps, input: string, output: string): readonly Step[] | undefined {
  const row: Step[] = [];
  for (let value = output; value !== input;) {
    const step = steps.get(value);
    if (!step) return undefined;
    row.unshift(step);
    value = step.input;
  }
  return row;
}

/** One letter for each step. */
export function lettersOf(row: readonly Step[]): string {
  return row.map(({ kind }) => STEP_LETTERS[kind]).join("");
}

function leakOf(
  { graph, readers }: Pick<Steps, "graph" | "readers">,
  nodes: readonly Node[],
  output: string,
): Step["leak"] {
  const inside = new Set(nodes);
  for (const { outputs: [value] } of nodes) {
    if (value === output) continue;
    if (graph.outputs.includes(value)) return { value, reader: "the network's outputs" };
    const reader = readers.get(value)?.find((node) => !inside.has(node));
    if (reader) return { value, reader: `"${reader.name}"` };
  }
  return undefined;
}

type Kind = Pick<Step, "kind" | "axis" | "perm">;

/** A node of one input that isn't a parameter. */
function single({ graph, shapes }: Pick<Steps, "graph" | "shapes">, node: Node): Kind {
  const { inference, axes, normAxis, affineIn } = opOf(node);
  const at = node.inputs.findIndex((name) => !graph.params[name]);
  const x = shapes.get(node.inputs[at])!;
  if (isActivation(node)) return { kind: "activation" };
  if (normAxis) return { kind: isBatchNorm(node) ? "batch norm" : "norm", axis: normAxis === 1 ? 1 : x.length - 1 };
  if (layerOf(graph, node)) return layerKind(graph, node, x);
  if (inference.kind === "identity") return { kind: "idle" };
  const perm = axes?.kind === "permutes" ? axes.perm(node, x) : undefined;
  if (perm) return { kind: "move", perm };
  if (Object.hasOwn(LAYOUT_OPS, node.op) || (node.inputs.length === 1 && mayBeAffine(node))) {
    return { kind: "selection" };
  }
  const factor = affineIn?.includes(at) ? graph.params[node.inputs[1 - at]] : undefined;
  return (factor && perChannel(factor.shape, x)) ?? { kind: "other" };
}

function isActivation(node: Node): boolean {
  const { inference, inputs } = opOf(node);
  return inference.kind === "activation" || inputs.some(({ roles }) => roles.includes("slope"));
}

function layerKind(graph: Graph, node: Node, x: Shape): Kind {
  const weight = graph.params[node.inputs[1]].shape;
  const problem = layerOf(graph, node)!.layer(node, concrete(x, 1), weight);
  if (problem.kind === "linear") return { kind: "pointwise", axis: x.length - 1 };
  const { kernel: [kh, kw], groups, channels, taps } = problem.conv;
  if (taps) return { kind: "other" };
  if (kh * kw === 1) return groups === 1 ? { kind: "pointwise", axis: 1 } : { kind: "grouped", axis: 1 };
  if (groups === 1) return { kind: "spatial", axis: 1 };
  return { kind: groups === channels ? "depthwise" : "grouped", axis: 1 };
}

/** How a parameter meets a value: one number for all, or one for each place along one axis. */
function perChannel(shape: readonly number[], x: Shape): Kind | undefined {
  const ones = x.length - shape.length;
  // [C] and [C,1,1] stand for axis 1 (docs/engine.md, how operands meet).
  const full = ones === 0 ? shape : [1, ...shape, ...new Array<number>(Math.max(0, ones - 1)).fill(1)];
  const along = full.flatMap((size, axis) => size === 1 ? [] : [axis]);
  if (along.length > 1) return undefined;
  return along.length === 0 ? { kind: "scale" } : { kind: "scale", axis: along[0] };
}

/** A node of several values. */
function joined(
  { shapes, makers }: Pick<Steps, "shapes" | "makers">,
  node: Node,
  input: string,
  nodes: readonly Node[],
): Kind {
  const [a, b] = node.inputs;
  if (isSum(node) && sameShape(shapes.get(a)!, shapes.get(b)!)) return { kind: "sum" };
  // x · σ(x) and the like: what becomes of a number depends on it alone.
  const own = opOf(node).affineIn !== undefined && [a, b].every((value) => {
    const maker = makers.get(value);
    return value === input || (maker !== undefined && maker.inputs[0] === input && isActivation(maker));
  });
  return own && nodes.length <= 3 ? { kind: "activation" } : { kind: "other" };
}
