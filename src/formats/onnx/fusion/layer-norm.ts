/**
 * Layer normalisation as exporters write it where they don't know the operator, as one LayerNormalization node. With
 * d = x − μ, μ = ReduceMean(x) and σ² = ReduceMean(d²), or ReduceMean(x²) − μ² as JAX has it:
 *
 *     d / Sqrt(σ² + ε) · γ + β
 *     d · s + β,  x · s + (β − μ · s)    where s is 1 / Sqrt(σ² + ε), or that times γ
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

/** x without its mean, over its deviation. */
function normalised(node: OnnxNode, pattern: Pattern): Norm | undefined {
  const [a, b] = node.inputs;
  if (node.inputs.length !== 2) return undefined;
  if (node.op === "Div") return ofDeviation(a, shifted(rootOf(b, pattern), pattern), pattern);
  if (node.op === "Mul") {
    return ofDeviation(a, inverseRoot(b, pattern), pattern) ?? ofDeviation(b, inverseRoot(a, pattern), pattern);
  }
  if (node.op === "Add") return ofProducts(a, b, pattern) ?? ofProducts(b, a, pattern);
  return node.op === "Sub" ? ofProducts(a, undefined, pattern, b) : undefined;
}

/** What a difference from the mean is multiplied with, or divided by the inverse of. */
interface Scale {
  readonly variance: string;
  readonly epsilon: number;
  readonly gamma?: string;
}

function ofDeviation(deviation: string, scale: Scale | undefined, pattern: Pattern): Norm | undefined {
  const centred = scale && pattern.maker(deviation, "Sub");
  return centred && norm(centred.inputs[0], centred.inputs[1], scale, pattern);
}

/** x · s + (β − μ · s), or x · s − μ · s. */
function ofProducts(
  product: string,
  rest: string | undefined,
  pattern: Pattern,
  mean: string | undefined = pattern.maker(rest, "Sub")?.inputs[1],
): Norm | undefined {
  const { maker, isConstant } = pattern;
  const factors = maker(product, "Mul")?.inputs;
  const others = maker(mean, "Mul")?.inputs;
  const common = factors?.find((value) => others?.includes(value));
  const scale = inverseRoot(common, pattern);
  const beta = maker(rest, "Sub")?.inputs[0];
  if (!scale || !factors || !others || (beta !== undefined && !isConstant(beta))) return undefined;
  const beside = (values: readonly string[]) => values[0] === common ? values[1] : values[0];
  const found = norm(beside(factors), beside(others), scale, pattern);
  return found && beta !== undefined ? { ...found, beta } : found;
}

function norm(x: string, mean: string, { variance, epsilon, gamma }: Scale, pattern: Pattern): Norm | undefined {
  const average = pattern.maker(mean, "ReduceMean");
  const axes = average && axesOf(average, pattern);
  if (!axes || average.inputs[0] !== x || !isVariance(variance, x, mean, axes, pattern)) return undefined;
  return { x, axes, epsilon, ...gamma === undefined ? {} : { gamma } };
}

/** 1 / Sqrt(σ² + ε), in which γ may already be. */
function inverseRoot(value: string | undefined, pattern: Pattern): Scale | undefined {
  const { maker, is, isConstant } = pattern;
  const [a, b] = maker(value, "Mul")?.inputs ?? [];
  for (const [inner, gamma] of [[a, b], [b, a]]) {
    if (inner === undefined || !isConstant(gamma)) continue;
    const scale = inverseRoot(inner, pattern);
    if (scale && scale.gamma === undefined) return { ...scale, gamma };
  }
  const power = maker(value, "Pow");
  if (power && is(power.inputs[1], -0.5)) return shifted(power.inputs[0], pattern);
  const quotient = maker(value, "Div");
  const root = maker(value, "Reciprocal")?.inputs[0] ?? (is(quotient?.inputs[0], 1) ? quotient!.inputs[1] : undefined);
  return shifted(rootOf(root, pattern), pattern);
}

/** What the value is the square root of. */
function rootOf(value: string | undefined, { maker, is }: Pattern): string | undefined {
  const power = maker(value, "Pow");
  return power && is(power.inputs[1], 0.5) ? power.inputs[0] : maker(value, "Sqrt")?.inputs[0];
}

/** σ² + ε, in either order. */
function shifted(value: string | undefined, { maker, number }: Pattern): Scale | undefined {
  const sum = maker(value, "Add");
  if (sum?.inputs.length !== 2) return undefined;
  for (const [variance, constant] of [sum.inputs, sum.inputs.toReversed()]) {
    const epsilon = number(constant);
    if (epsilon !== undefined) return { variance, epsilon };
  }
}

/** ReduceMean((x − μ)²), or ReduceMean(x²) − μ² (which rounding may make negative, and a maximum with 0 not). */
function isVariance(value: string, x: string, mean: string, axes: readonly number[], pattern: Pattern): boolean {
  const { maker, beside } = pattern;
  const averaged = (of: string | undefined) => {
    const average = maker(of, "ReduceMean");
    return average && axesOf(average, pattern)?.join() === axes.join() ? average.inputs[0] : undefined;
  };
  const deviation = squared(averaged(value), pattern);
  if (deviation !== undefined) return maker(deviation, "Sub")?.inputs.join("\n") === [x, mean].join("\n");
  const positive = maker(value, "Relu")?.inputs[0] ?? beside(maker(value, "Max"), 0) ?? value;
  const [squares, square] = maker(positive, "Sub")?.inputs ?? [];
  return squared(averaged(squares), pattern) === x && squared(square, pattern) === mean;
}

/** What the value is the square of. */
function squared(value: string | undefined, { maker, is }: Pattern): string | undefined {
  const power = maker(value, "Pow");
  const product = maker(value, "Mul");
  if (power && is(power.inputs[1], 2)) return power.inputs[0];
  return product && product.inputs[0] === product.inputs[1] ? product.inputs[0] : undefined;
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
