/**
 * Small random networks in which several nodes share parameters: a convolution applied several times, one head over maps of
 * several sizes, branches of one weight, one batch norm or one table for two values, and parameters that their nodes read
 * along different axes.
 */
import { type Builder, builder } from "../../src/graph/build.ts";
import type { Attrs, Model, OpName } from "../../src/graph/types.ts";
import { type Dice, dice } from "./dice.ts";
import { randomParams } from "./graphs.ts";
import { activation, finish, fresh, same } from "./pieces.ts";

type Share = (b: Builder, d: Dice, x: string) => string;

export const SHARES: Readonly<Record<string, Share>> = {
  again,
  pyramid,
  branches,
  mirrored,
  normed,
  depthwise,
  crossed,
};

export function sharingModel(share: keyof typeof SHARES, seed: number): Model {
  const d = dice(seed, `shared ${share}`);
  const side = d.between(3, 6);
  const b = builder(`${share}${seed}`, ["N", d.between(1, 3), side, side]);
  const x = activation(b, d, same(b, d, b.input, d.between(3, 6)));
  const y = SHARES[share](b, d, x);
  b.gemm(b.shape(y).length === 2 ? y : b.flatten(b.globalAveragePool(y)), { name: "logits", out: d.between(2, 4) });
  const graph = b.graph();
  return { graph, params: randomParams(graph, seed) };
}

/** A node of the same parameters and attributes as the last one of that operator, on another value. */
function repeat(b: Builder, op: OpName, x: string): string {
  const node = b.graph(["input"]).nodes.findLast((node) => node.op === op)!;
  return b.node(op, [x, ...node.inputs.slice(1)], node.attrs as Attrs, fresh(b, "again"));
}

/** A convolution of its own output, with what is behind it. */
function again(b: Builder, d: Dice, x: string): string {
  let y = same(b, d, x, b.channels(x));
  for (let times = d.between(1, 2); times > 0; times--) y = repeat(b, "Conv", activation(b, d, y));
  return finish(b, d, same(b, d, y, d.between(2, 5)));
}

/** One head over two maps, each made by a lateral convolution. */
function pyramid(b: Builder, d: Dice, x: string): string {
  const out = d.between(2, 5);
  const large = finish(b, d, same(b, d, x, out));
  const small = finish(b, d, same(b, d, b.maxPool(x, { kernel: 2, stride: 2 }), out));
  const head = b.relu(same(b, d, large, d.between(2, 5)));
  const other = b.relu(repeat(b, "Conv", small));
  return b.concat([head, other].map((y) => b.flatten(b.globalAveragePool(y))));
}

/** Two inputs of one weight, added or joined. */
function branches(b: Builder, d: Dice, x: string): string {
  const [p, q] = [finish(b, d, same(b, d, x, 4)), d.chance(0.5) ? x : finish(b, d, same(b, d, x, 4))];
  const left = same(b, d, p, d.between(2, 5));
  const right = b.channels(q) === b.channels(p) ? repeat(b, "Conv", q) : same(b, d, q, b.channels(left));
  const [l, r] = [activation(b, d, left), activation(b, d, right)];
  return finish(b, d, same(b, d, d.chance(0.5) ? b.add(l, r) : b.concat([l, r]), d.between(2, 5)));
}

/** A transposed convolution has the weight of the convolution before it: what it reads are the filters of that one. */
function mirrored(b: Builder, d: Dice, x: string): string {
  const y = activation(b, d, b.conv(x, { name: "down", out: d.between(2, 5), kernel: 2, stride: 2 }));
  const bias = b.param("up.bias", [b.channels(x)], "bias");
  const up = b.node("ConvTranspose", [y, "down.weight", bias], { strides: [2, 2] }, "up");
  const both = b.concat([up, b.slice(x, { axes: [2, 3], starts: [0, 0], ends: b.shape(up).slice(2) as number[] })]);
  return finish(b, d, same(b, d, activation(b, d, both), d.between(2, 5)));
}

/** One batch norm, or one slope for each channel, for two values. */
function normed(b: Builder, d: Dice, x: string): string {
  const out = d.between(2, 5);
  const [p, q] = [same(b, d, x, out), same(b, d, x, out)];
  const op = d.pick(["BatchNormalization", "PRelu"] as const);
  const left = op === "PRelu" ? b.prelu(p, { name: "norm" }) : b.batchNorm(p, { name: "norm" });
  const right = repeat(b, op, q);
  return finish(b, d, same(b, d, d.chance(0.5) ? b.mul(left, right) : b.concat([left, right]), d.between(2, 5)));
}

/** A depthwise convolution, or one of a few groups, applied twice. */
function depthwise(b: Builder, d: Dice, x: string): string {
  const channels = d.pick([4, 6]);
  const group = d.pick([channels, 2]);
  const y = activation(b, d, same(b, d, x, channels));
  const once = activation(b, d, same(b, d, y, channels, group));
  return finish(b, d, same(b, d, repeat(b, "Conv", once), d.between(2, 5)));
}

/** A matrix that two products read, and a plane that is added to an image and, turned, to another one. */
function crossed(b: Builder, d: Dice, x: string): string {
  const side = b.shape(x)[2] as number;
  const wide = same(b, d, x, side);
  const plane = b.param("plane", [1, side, side, side], "table");
  const [p, q] = [b.add(wide, plane), b.add(plane, b.transpose(same(b, d, x, side), [0, 2, 1, 3]))];
  return finish(b, d, same(b, d, b.mul(p, b.transpose(q, [0, 2, 1, 3])), d.between(2, 5)));
}
