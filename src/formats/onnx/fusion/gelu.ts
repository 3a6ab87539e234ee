/**
 * GELU as exporters before opset 20 write it, as one Gelu node: ½ · x · (1 + erf(x / √2)), and with
 * tanh(√(2/π) · (x + 0.044715 · x³)) in place of erf, in any order of the factors.
 */
import type { OnnxNode } from "../types.ts";
import { type NodeGraph, type Pattern, patternOf } from "./pattern.ts";

/** The nodes with a Gelu in place of each last product; what only it needed is left over. */
export function fuseGelu(graph: NodeGraph): OnnxNode[] {
  const { nodes } = graph;
  if (!nodes.some(({ op }) => op === "Erf" || op === "Tanh")) return [...nodes];
  const pattern = patternOf(graph);
  return nodes.map((node) => {
    const found = argument(node, pattern);
    if (!found) return node;
    const { x, approximate } = found;
    return {
      ...node,
      op: "Gelu",
      inputs: [x],
      attributes: [{ name: "approximate", kind: "string", value: approximate }],
    };
  });
}

interface Gate {
  readonly x: string;
  readonly approximate: "none" | "tanh";
}

/** x, where the node multiplies ½, x and a gate of x. */
function argument(node: OnnxNode, pattern: Pattern): Gate | undefined {
  if (node.op !== "Mul" || node.inputs.length !== 2) return undefined;
  const [a, b] = node.inputs;
  for (const [inner, outer] of [[a, b], [b, a]]) {
    const factors = [outer, ...pattern.maker(inner, "Mul")?.inputs ?? []];
    if (factors.length !== 3) continue;
    for (const [i, j, k] of [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]) {
      if (!pattern.is(factors[i], 0.5)) continue;
      const gate = gateOf(factors[j], pattern);
      if (gate?.x === factors[k]) return gate;
    }
  }
}

/** x, where the value is 1 + erf(x / √2), or 1 + tanh(√(2/π) · (x + 0.044715 · x³)). */
function gateOf(value: string, pattern: Pattern): Gate | undefined {
  const { maker, beside } = pattern;
  const sum = beside(maker(value, "Add"), 1);
  const scaled = maker(sum, "Erf")?.inputs[0];
  const x = beside(maker(scaled, "Div"), Math.SQRT2) ?? beside(maker(scaled, "Mul"), Math.SQRT1_2);
  if (x !== undefined) return { x, approximate: "none" };
  const polynomial = beside(maker(maker(sum, "Tanh")?.inputs[0], "Mul"), Math.sqrt(2 / Math.PI));
  const [a, b] = maker(polynomial, "Add")?.inputs ?? [];
  for (const [x, cubic] of [[a, b], [b, a]]) {
    if (x !== undefined && isCubic(cubic, x, pattern)) return { x, approximate: "tanh" };
  }
}

/** 0.044715 · x³, as a power or as products. */
function isCubic(value: string, x: string, { maker, beside, is, factors }: Pattern): boolean {
  const power = maker(beside(maker(value, "Mul"), 0.044715), "Pow");
  if (power) return power.inputs[0] === x && is(power.inputs[1], 3);
  const all = factors(value, 4);
  const rest = all.filter((factor) => factor !== x);
  return all.length === 4 && rest.length === 1 && is(rest[0], 0.044715);
}
