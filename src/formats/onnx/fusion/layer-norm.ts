/**
 * Layer normalisation as exporters before opset 17 write it, as one LayerNormalization node:
 *
 *     d = x - ReduceMean(x);  d / Sqrt(ReduceMean(d²) + ε) · γ + β
 *
 * The axes stand in an attribute `axes` of the fused node, as in the file: their rank isn't known here.
 */
import type { OnnxAttribute, OnnxNode } from "../types.ts";
import { type NodeGraph, type Pattern, patternOf } from "./pattern.ts";

/** The nodes with a LayerNormalization in place of each last one; what only it needed is left over. */
export function fuseLayerNorm(graph: NodeGraph): OnnxNode[] {
  const { nodes } = graph;
  if (!nodes.some(({ op }) => op === "ReduceMean")) return [...nodes];
  const pattern = patternOf(graph);
  const reads = new Map<string, number>();
  for (const name of nodes.flatMap(({ inputs }) => inputs)) reads.set(name, (reads.get(name) ?? 0) + 1);
  /** Quotient, product or sum -> what it makes of x so far. */
  const norms = new Map<string, Norm>();
  for (const node of nodes) {
    const norm = normalised(node, pattern) ??
      affine(node, pattern, (value) => reads.get(value) === 1 ? norms.get(value) : undefined);
    if (norm) norms.set(node.outputs[0], norm);
  }
  return nodes.map((node) => {
    const norm = norms.get(node.outputs[0]);
    return norm ? layerNorm(node, norm) : node;
  });
}

interface Norm {
  readonly x: string;
  readonly axes: readonly number[];
  readonly epsilon: number;
  readonly gamma?: string;
  readonly beta?: string;
}

/** d / Sqrt(ReduceMean(d²) + ε). */
function normalised(node: OnnxNode, pattern: Pattern): Norm | undefined {
  if (node.op !== "Div" || node.inputs.length !== 2) return undefined;
  const { maker, number } = pattern;
  const [deviation, root] = node.inputs;
  const centred = maker(deviation, "Sub");
  const mean = maker(centred?.inputs[1], "ReduceMean");
  const axes = mean && axesOf(mean, pattern);
  if (!centred || !mean || !axes || mean.inputs[0] !== centred.inputs[0]) return undefined;
  const sum = maker(maker(root, "Sqrt")?.inputs[0], "Add");
  if (sum?.inputs.length !== 2) return undefined;
  for (const [variance, constant] of [sum.inputs, sum.inputs.toReversed()]) {
    const epsilon = number(constant);
    const average = maker(variance, "ReduceMean");
    if (epsilon === undefined || !average || axesOf(average, pattern)?.join() !== axes.join()) continue;
    if (isSquare(average.inputs[0], deviation, centred, pattern)) return { x: centred.inputs[0], axes, epsilon };
  }
}

/** d², of the same difference or of one that was written twice. */
function isSquare(value: string, deviation: string, centred: OnnxNode, { maker, is }: Pattern): boolean {
  const power = maker(value, "Pow");
  const product = maker(value, "Mul");
  const root = power && is(power.inputs[1], 2) ? power.inputs[0] : undefined;
  const base = product && product.inputs[0] === product.inputs[1] ? product.inputs[0] : root;
  if (base === undefined || base === deviation) return base !== undefined;
  return maker(base, "Sub")?.inputs.join("\n") === centred.inputs.join("\n");
}

/** A norm times γ, and then plus β. */
function affine(
  { op, inputs }: OnnxNode,
  pattern: Pattern,
  norm: (value: string) => Norm | undefined,
): Norm | undefined {
  if ((op !== "Mul" && op !== "Add") || inputs.length !== 2) return undefined;
  for (const [value, constant] of [inputs, inputs.toReversed()]) {
    const before = norm(value);
    if (!before || before.beta !== undefined || !pattern.isConstant(constant)) continue;
    if (op === "Add") return { ...before, beta: constant };
    if (before.gamma === undefined) return { ...before, gamma: constant };
  }
}

/** Axes whose mean is kept with size 1; given as attribute or, since opset 18, as input. */
function axesOf(mean: OnnxNode, { integers }: Pattern): readonly number[] | undefined {
  const keepdims = mean.attributes.find(({ name }) => name === "keepdims");
  if (keepdims?.kind === "int" && keepdims.value === 0) return undefined;
  const axes = mean.attributes.find(({ name }) => name === "axes");
  return axes?.kind === "ints" ? axes.value : integers(mean.inputs[1]);
}

function layerNorm(node: OnnxNode, { x, axes, epsilon, gamma, beta }: Norm): OnnxNode {
  const inputs = [x, gamma ?? "", beta ?? ""];
  const attributes: OnnxAttribute[] = [
    { name: "axes", kind: "ints", value: axes },
    { name: "epsilon", kind: "float", value: epsilon },
  ];
  return { ...node, op: "LayerNormalization", inputs, attributes };
}
