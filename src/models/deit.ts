import { UserError } from "../errors.ts";
import { type Builder, builder } from "../graph/build.ts";
import type { Graph } from "../graph/types.ts";
import { type ImageOptions, scaled } from "./options.ts";

interface Form {
  readonly name: string;
  /** Side of a patch, in pixels. */
  readonly patch: number;
  readonly classes: number;
  readonly size: number;
  /** Default 12. */
  readonly blocks?: number;
  /** Channels of a head; default 64. */
  readonly head?: number;
}

const HEADS = 3;

/** DeiT-T (Touvron et al. 2021) without the distillation token: 5,717,416 parameters. */
export function deitT(options: ImageOptions = {}): Graph {
  return deit({ name: "deit-t", patch: 16, classes: 1000, size: 224 }, options);
}

/** The same network on patches of 4×4 of 32×32 images. */
export function cifarDeit(options: ImageOptions = {}): Graph {
  return deit({ name: "deit-cifar", patch: 4, classes: 10, size: 32 }, options);
}

/** Small enough to train in minutes: 6 blocks and 3 heads of 16, on patches of 2×2 up to 16×16 and of 4×4 above. */
export function microDeit(options: ImageOptions = {}): Graph {
  const { size = 28 } = options;
  const form = { patch: size > 16 ? 4 : 2, classes: 10, size, blocks: 6, head: 16 };
  return deit({ name: "deit-micro", ...form }, { inChannels: 1, ...options });
}

/** timm's truncated normal ends at ±2, a hundred σ away: it is the normal. */
const INIT = { normal: 0.02 };

/**
 * A vision transformer (Dosovitskiy et al. 2021) of 3 heads. Parameter names and initialisation are
 * timm's; weights of the linear layers over tokens are [K,F], the transpose of timm's. Stochastic depth is left out.
 *
 * @param options `width` scales the heads
 */
function deit({ name, patch, blocks = 12, head = 64, ...form }: Form, options: ImageOptions): Graph {
  const { classes = form.classes, inChannels = 3, width = 1, size = form.size } = options;
  if (size % patch !== 0) throw new UserError(`model "${name}": size is ${size}, expected a multiple of ${patch}`);
  const b = builder(name, ["N", inChannels, size, size]);
  const dim = HEADS * scaled(head, width);
  const tokens = (size / patch) ** 2;
  let x = b.conv(b.input, { name: "patch_embed.proj", out: dim, kernel: patch, stride: patch });
  x = b.transpose(b.reshape(x, [dim, tokens]), [0, 2, 1]);
  x = b.concat([b.param("cls_token", [1, 1, dim], "table", INIT), x]);
  x = b.add(x, b.param("pos_embed", [1, 1 + tokens, dim], "table", INIT), "embedded");
  for (let i = 0; i < blocks; i++) x = block(b, x, `blocks.${i}`);
  // Only the class token is read, so only it is normalised.
  x = b.flatten(b.slice(x, { axes: [1], starts: [0], ends: [1] }, "class"));
  b.gemm(layerNorm(b, x, "norm"), { name: "head", out: classes, init: INIT });
  return b.graph();
}

function block(b: Builder, x: string, name: string): string {
  const dim = b.shape(x)[2] as number;
  const attended = attention(b, layerNorm(b, x, `${name}.norm1`), `${name}.attn`);
  const y = b.add(x, attended, `${name}.add1`);
  let z = b.linear(layerNorm(b, y, `${name}.norm2`), { name: `${name}.mlp.fc1`, out: 4 * dim, init: INIT });
  z = b.linear(b.gelu(z, "none", `${name}.mlp.act`), { name: `${name}.mlp.fc2`, out: dim, init: INIT });
  return b.add(y, z, `${name}.add2`);
}

function attention(b: Builder, x: string, name: string): string {
  const [, tokens, dim] = b.shape(x) as number[];
  const joint = b.linear(x, { name: `${name}.qkv`, out: 3 * dim, init: INIT });
  const [q, k, v] = ["q", "k", "v"].map((part, i) => {
    const own = b.slice(joint, { axes: [2], starts: [i * dim], ends: [(i + 1) * dim] }, `${name}.${part}`);
    return b.transpose(b.reshape(own, [tokens, HEADS, dim / HEADS]), [0, 2, 1, 3]);
  });
  const heads = b.transpose(b.attention(q, k, v, { name: `${name}.heads` }), [0, 2, 1, 3]);
  return b.linear(b.reshape(heads, [tokens, dim]), { name: `${name}.proj`, out: dim, init: INIT });
}

function layerNorm(b: Builder, x: string, name: string): string {
  return b.layerNorm(x, { name, epsilon: 1e-6 });
}
