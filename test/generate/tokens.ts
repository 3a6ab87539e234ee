/** Blocks of random networks whose channels stand along the last axis for a while. */
import type { Builder } from "../../src/graph/build.ts";
import { activation, EPSILON, fresh } from "./pieces.ts";
import type { Dice } from "./dice.ts";

/** A block of a transformer over the pixels: layer norm, two heads or one, an MLP, and back to an image. */
export function attended(b: Builder, d: Dice, x: string): string {
  const [, channels, h, w] = b.shape(x) as number[];
  const heads = d.between(1, 2);
  const depth = d.between(1, 3);
  const project = (x: string, name: string, out: number) => {
    const own = fresh(b, name);
    const y = b.matmul(x, b.param(`${own}.weight`, [b.shape(x)[2] as number, out], "weight"));
    return d.chance(0.6) ? b.add(y, b.param(`${own}.bias`, [1, 1, out], "bias")) : y;
  };
  const normed = (x: string) => d.chance(0.7) ? b.layerNorm(x, { name: fresh(b, "ln"), epsilon: EPSILON }) : x;
  let tokens = b.transpose(b.reshape(x, [channels, h * w]), [0, 2, 1]);
  if (d.chance(0.5)) tokens = b.add(tokens, b.param(`${fresh(b, "position")}.table`, [1, h * w, channels], "table"));
  const classified = d.chance(0.3);
  if (classified) tokens = b.concat([b.param(`${fresh(b, "class")}.table`, [1, 1, channels], "table"), tokens]);
  const count = b.shape(tokens)[1] as number;
  const before = normed(tokens);
  const [q, k, v] = headsOf(b, d, { heads, depth, project: (name, out) => project(before, name, out) });
  const together = b.reshape(b.transpose(b.attention(q, k, v), [0, 2, 1, 3]), [count, heads * depth]);
  const sum = b.add(tokens, project(together, "proj", channels));
  const hidden = activation(b, d, project(normed(sum), "fc1", d.between(2, 6)));
  const out = b.add(project(hidden, "fc2", channels), sum);
  if (classified) {
    const first = d.chance(0.5) ? b.slice(out, { axes: [1], starts: [0], ends: [1] }) : out;
    const mean = b.node("ReduceMean", [first], { axes: [1], keepdims: 0 });
    return b.reshape(mean, [channels, 1, 1]);
  }
  return b.reshape(b.transpose(out, [0, 2, 1]), [channels, h, w]);
}

/** Queries, keys and values [N,H,T,D], from products of their own or from one, cut in either of the usual ways. */
function headsOf(
  b: Builder,
  d: Dice,
  { heads, depth, project }: {
    readonly heads: number;
    readonly depth: number;
    readonly project: (name: string, out: number) => string;
  },
): string[] {
  const width = heads * depth;
  const way = d.pick(["apart", "together", "stacked"]);
  const split = (x: string) => b.transpose(b.reshape(x, [b.shape(x)[1] as number, heads, depth]), [0, 2, 1, 3]);
  if (way === "apart") return ["q", "k", "v"].map((name) => split(project(name, width)));
  const all = project("qkv", 3 * width);
  const count = b.shape(all)[1] as number;
  const stack = way === "stacked" && b.transpose(b.reshape(all, [count, 3, heads, depth]), [0, 2, 3, 1, 4]);
  return [0, 1, 2].map((i) =>
    stack
      ? b.reshape(b.slice(stack, { axes: [1], starts: [i], ends: [i + 1] }), [heads, count, depth])
      : split(b.slice(all, { axes: [2], starts: [i * width], ends: [(i + 1) * width] }))
  );
}

/** Depthwise, then layer norm, an MLP and a scale per channel with the channels last, and a shortcut. */
export function convnext(b: Builder, d: Dice, x: string): string {
  const channels = b.channels(x);
  const own = fresh(b, "dwconv");
  const mixed = b.conv(x, { name: own, out: channels, kernel: 3, pad: 1, group: channels });
  const last = b.layerNorm(b.transpose(mixed, [0, 2, 3, 1]), { name: `${own}.norm`, epsilon: EPSILON });
  const hidden = d.between(2, 6);
  const wide = b.matmul(last, b.param(`${own}.pwconv1.weight`, [channels, hidden], "weight"));
  const active = activation(b, d, b.add(wide, b.param(`${own}.pwconv1.bias`, [1, 1, 1, hidden], "bias")));
  const back = b.matmul(active, b.param(`${own}.pwconv2.weight`, [hidden, channels], "weight"));
  const scaled = b.mul(back, b.param(`${own}.gamma`, [1, 1, 1, channels], "gamma"));
  return b.add(x, b.transpose(scaled, [0, 3, 1, 2]));
}
