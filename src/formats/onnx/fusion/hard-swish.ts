/**
 * Hard sigmoid and hard swish as exporters before opset 14 write them: Clip(x + 3, 0, 6) / 6 is a HardSigmoid of slope 1/6,
 * x times that is a HardSwish.
 */
import type { OnnxAttribute, OnnxNode } from "../types.ts";
import { type NodeGraph, type Pattern, patternOf } from "./pattern.ts";

/** The nodes with HardSigmoid and HardSwish in place of each last one; what only they needed is left over. */
export function fuseHardSwish(graph: NodeGraph): OnnxNode[] {
  const { nodes } = graph;
  if (!nodes.some(({ op }) => op === "HardSigmoid" || op === "Clip")) return [...nodes];
  const pattern = patternOf(graph);
  return nodes.map((node) => {
    const gated = product(node, pattern);
    if (gated !== undefined) return { ...node, op: "HardSwish", inputs: [gated], attributes: [] };
    const x = sixth(node, pattern, (value) => ramp(value, pattern));
    return x === undefined ? node : { ...node, op: "HardSigmoid", inputs: [x], attributes: SLOPE };
  });
}

const SLOPE: readonly OnnxAttribute[] = [
  { name: "alpha", kind: "float", value: Math.fround(1 / 6) },
  { name: "beta", kind: "float", value: 0.5 },
];

/** x, where the node is x · HardSigmoid(x), whole or in parts. */
function product(node: OnnxNode, pattern: Pattern): string | undefined {
  const x = sixth(node, pattern, (value) => {
    const inner = pattern.maker(value, "Mul");
    return inner && timesGate(inner, (gate) => ramp(gate, pattern));
  });
  return x ?? timesGate(node, (gate) => hardSigmoid(gate, pattern));
}

/** x, where the node multiplies it by a gate of x. */
function timesGate(node: OnnxNode, gateOf: (value: string) => string | undefined): string | undefined {
  if (node.op !== "Mul" || node.inputs.length !== 2) return undefined;
  const [a, b] = node.inputs;
  if (gateOf(b) === a) return a;
  return gateOf(a) === b ? b : undefined;
}

/** x, where the value is HardSigmoid(x) of slope 1/6 and offset ½. */
function hardSigmoid(value: string, pattern: Pattern): string | undefined {
  const node = pattern.maker(value, "HardSigmoid");
  if (!node) {
    const quotient = pattern.maker(value, "Div") ?? pattern.maker(value, "Mul");
    return quotient && sixth(quotient, pattern, (inner) => ramp(inner, pattern));
  }
  const float = (wanted: string, fallback: number) => {
    const found = node.attributes.find(({ name }) => name === wanted);
    return found?.kind === "float" ? found.value : fallback;
  };
  const isGate = Math.abs(float("alpha", 0.2) * 6 - 1) < 1e-5 && Math.abs(float("beta", 0.5) - 0.5) < 1e-6;
  return isGate ? node.inputs[0] : undefined;
}

/** What `of` makes of the value, a sixth of which the node is. */
function sixth(node: OnnxNode, { beside }: Pattern, of: (value: string) => string | undefined): string | undefined {
  const whole = node.op === "Div" ? beside(node, 6) : node.op === "Mul" ? beside(node, 1 / 6) : undefined;
  return whole === undefined ? undefined : of(whole);
}

/** x, where the value is Clip(x + 3, 0, 6). */
function ramp(value: string, { maker, is, beside }: Pattern): string | undefined {
  const clip = maker(value, "Clip");
  if (!clip || !is(clip.inputs[1], 0) || !is(clip.inputs[2], 6)) return undefined;
  return beside(maker(clip.inputs[0], "Add"), 3);
}
