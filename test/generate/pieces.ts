/** What the blocks of random networks are made of. */
import type { Builder } from "../../src/graph/build.ts";
import type { Dice } from "./dice.ts";

/**
 * Of norms over groups and layers. Random zeros make groups that are nearly constant, of which 1/√ε is what a rounding error is
 * multiplied with: the usual 1e-5 would make 1e-7 of them 3e-5.
 */
export const EPSILON = 1e-3;

/** A number unique within the graph, for parameter names. */
export function fresh(b: Builder, prefix: string): string {
  return `${prefix}${b.graph(["input"]).nodes.length}`;
}

export function layer(b: Builder, d: Dice, x: string, out: number): string {
  const [, , h, w] = b.shape(x) as number[];
  const kernel = d.pick([1, 2, 3, 3, 3]);
  const dilation = kernel > 1 && d.chance(0.2) ? 2 : 1;
  const reach = dilation * (kernel - 1);
  const least = Math.max(0, Math.ceil((reach + 1 - Math.min(h, w)) / 2));
  const pad = Math.max(least, d.between(0, reach));
  const y = b.conv(x, {
    name: fresh(b, "conv"),
    out,
    kernel,
    stride: d.chance(0.25) ? 2 : 1,
    pad: d.chance(0.15) ? [pad, pad + 1, pad, pad] : pad,
    dilation,
    bias: d.chance(0.5),
  });
  return finish(b, d, y);
}

export function finish(b: Builder, d: Dice, y: string): string {
  if (d.chance(0.6)) y = b.batchNorm(y, { name: fresh(b, "bn") });
  return d.chance(0.8) ? activation(b, d, y) : y;
}

export function activation(b: Builder, d: Dice, x: string): string {
  return d.pick([
    () => b.relu(x),
    () => b.relu(x),
    () => b.relu6(x),
    () => b.sigmoid(x),
    () => b.tanh(x),
    () => b.gelu(x),
    () => b.gelu(x, "tanh"),
    () => b.leakyRelu(x, 0.1),
    () => b.hardSigmoid(x, { alpha: 0.2, beta: 0.5 }),
    () => b.hardSwish(x),
    () => b.node("Elu", [x], { alpha: 0.5 }),
    () => b.node("Softplus", [x]),
    () => b.node("Mish", [x]),
    () => b.node("Abs", [x]),
    () => b.dropout(x),
  ])();
}

/** Keeps the size of the map. */
export function same(b: Builder, d: Dice, x: string, out: number, group = 1): string {
  const kernel = d.pick([1, 3, 3]);
  return b.conv(x, { name: fresh(b, "conv"), out, kernel, pad: (kernel - 1) / 2, group, bias: d.chance(0.5) });
}
