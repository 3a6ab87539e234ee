import { builder } from "../../src/graph/build.ts";
import type { Graph } from "../../src/graph/types.ts";

/** A convolution makes nine patches, one block of two heads attends over them, and a head reads the first token. */
export function transformer(): Graph {
  const b = builder("transformer", ["N", 3, 6, 6]);
  const stem = b.relu(b.conv(b.input, { name: "stem", out: 5, kernel: 3, pad: 1 }));
  const patches = b.conv(stem, { name: "patch", out: 8, kernel: 2, stride: 2 });
  const tokens = b.transpose(b.reshape(patches, [8, 9]), [0, 2, 1]);
  const normal = b.layerNorm(tokens, { name: "ln" });
  const [q, k, v] = ["q", "k", "v"].map((name) => {
    const projected = b.matmul(normal, b.param(`${name}.weight`, [8, 8], "weight"), name);
    return b.transpose(b.reshape(projected, [9, 2, 4]), [0, 2, 1, 3]);
  });
  const heads = b.transpose(b.attention(q, k, v, { name: "attend" }), [0, 2, 1, 3]);
  const sum = b.add(tokens, b.reshape(heads, [9, 8]));
  const first = b.flatten(b.slice(sum, { axes: [1], starts: [0], ends: [1] }));
  b.gemm(b.relu(b.gemm(first, { name: "hidden", out: 6 })), { name: "head", out: 4 });
  return b.graph();
}

/** The same with a projection behind the heads, and an MLP: a block of a vision transformer. */
export function vit(qkv: "apart" | "together" | "stacked" = "apart"): Graph {
  const b = builder("vit", ["N", 3, 6, 6]);
  const stem = b.relu(b.conv(b.input, { name: "stem", out: 5, kernel: 3, pad: 1 }));
  const patches = b.conv(stem, { name: "patch", out: 8, kernel: 2, stride: 2 });
  const tokens = b.transpose(b.reshape(patches, [8, 9]), [0, 2, 1]);
  const project = (x: string, name: string, out: number) =>
    b.matmul(x, b.param(`${name}.weight`, [b.shape(x)[2] as number, out], "weight"), name);
  const normal = b.layerNorm(tokens, { name: "ln" });
  const whole = qkv === "apart" ? undefined : project(normal, "qkv", 24);
  // As timm has it: [N,3,H,T,D].
  const stacked = qkv === "stacked" ? b.transpose(b.reshape(whole!, [9, 3, 2, 4]), [0, 2, 3, 1, 4]) : undefined;
  const [q, k, v] = ["q", "k", "v"].map((name, i) => {
    if (stacked) return b.reshape(b.slice(stacked, { axes: [1], starts: [i], ends: [i + 1] }, name), [2, 9, 4]);
    const part = whole
      ? b.slice(whole, { axes: [2], starts: [8 * i], ends: [8 * (i + 1)] }, name)
      : project(normal, name, 8);
    return b.transpose(b.reshape(part, [9, 2, 4]), [0, 2, 1, 3]);
  });
  const heads = b.reshape(b.transpose(b.attention(q, k, v, { name: "attend" }), [0, 2, 1, 3]), [9, 8]);
  const attended = b.add(tokens, project(heads, "proj", 8));
  const hidden = b.gelu(project(b.layerNorm(attended, { name: "ln2" }), "fc1", 6));
  const sum = b.add(attended, project(hidden, "fc2", 8));
  b.gemm(b.flatten(b.slice(sum, { axes: [1], starts: [0], ends: [1] })), { name: "head", out: 4 });
  return b.graph();
}
