/** Networks of one block each, small enough for finite differences. */
import { type Builder, builder } from "../../src/graph/build.ts";
import type { Graph } from "../../src/graph/types.ts";

const conv = (b: Builder, x: string, name: string, out: number, kernel: number, group = 1, stride = 1) =>
  b.conv(x, { name, out, kernel, pad: (kernel - 1) / 2, group, stride, bias: false });

const convBn = (b: Builder, x: string, name: string, out: number, kernel: number, group = 1, stride = 1) =>
  b.batchNorm(conv(b, x, `${name}.conv`, out, kernel, group, stride), { name: `${name}.bn` });

/** An image of 4×4, three channels made of it, a block, and a mean over the map. */
function around(name: string, block: (b: Builder, x: string) => string): Graph {
  const b = builder(name, ["N", 1, 4, 4]);
  const x = b.conv(b.input, { name: "stem", out: 3, kernel: 1 });
  b.gemm(b.flatten(b.globalAveragePool(block(b, x))), { name: "head", out: 2 });
  return b.graph();
}

/** Tokens of a width of 4. */
function aroundTokens(name: string, block: (b: Builder, x: string) => string): Graph {
  const b = builder(name, ["N", 3, 4]);
  const x = b.add(b.input, b.param("position", [1, 3, 4], "table"));
  b.gemm(b.flatten(block(b, x)), { name: "head", out: 2 });
  return b.graph();
}

function mlp(b: Builder, x: string): string {
  const hidden = b.gelu(b.linear(b.layerNorm(x, { name: "norm2" }), { name: "fc1", out: 5 }), "none", "act");
  return b.add(x, b.linear(hidden, { name: "fc2", out: 4 }), "sum2");
}

function attention(b: Builder, x: string): string {
  const y = b.layerNorm(x, { name: "norm1" });
  const [q, k, v] = ["q", "k", "v"].map((name) => b.linear(y, { name, out: 4 }));
  return b.add(x, b.linear(b.attention(q, k, v, { name: "heads" }), { name: "proj", out: 4 }), "sum1");
}

/** By what they hold. */
export const SMALL_BLOCKS: Readonly<Record<string, () => Graph>> = {
  basic: () =>
    around("basic", (b, x) => b.relu(b.add(convBn(b, b.relu(convBn(b, x, "a", 3, 3), "act"), "b", 3, 3), x), "end")),
  projected: () =>
    around("projected", (b, x) => {
      const main = convBn(b, b.relu(convBn(b, x, "a", 4, 3, 1, 2), "act"), "b", 4, 3);
      return b.relu(b.add(main, convBn(b, x, "c", 4, 1, 1, 2)), "end");
    }),
  inverted: () =>
    around("inverted", (b, x) => {
      const wide = b.relu6(convBn(b, x, "a", 6, 1), "act1");
      return b.add(convBn(b, b.relu6(convBn(b, wide, "b", 6, 3, 6), "act2"), "c", 3, 1), x, "end");
    }),
  "inverted without a shortcut": () =>
    around("row", (b, x) => {
      const wide = b.relu6(convBn(b, x, "a", 6, 1), "act1");
      return convBn(b, b.relu6(convBn(b, wide, "b", 6, 3, 6, 2), "act2"), "c", 4, 1);
    }),
  convnext: () =>
    around("convnext", (b, x) => {
      const deep = b.conv(x, { name: "dw", out: 3, kernel: 3, pad: 1, group: 3 });
      const normed = b.transpose(b.layerNorm(b.transpose(deep, [0, 2, 3, 1]), { name: "norm" }), [0, 3, 1, 2]);
      const hidden = b.gelu(b.conv(normed, { name: "pw1", out: 5, kernel: 1 }), "none", "act");
      const scaled = b.mul(b.conv(hidden, { name: "pw2", out: 3, kernel: 1 }), b.param("scale", [3, 1, 1], "gamma"));
      return b.add(x, scaled, "end");
    }),
  mlp: () => aroundTokens("mlp", mlp),
  transformer: () => aroundTokens("transformer", (b, x) => mlp(b, attention(b, x))),
};
