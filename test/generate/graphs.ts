/**
 * Small random networks that are valid by construction: every operator of the vocabulary, strides, paddings, dilations,
 * groups, residual sums, concatenations, gates and maps down to 1×1. The same seed gives the same network.
 */
import { type Builder, builder } from "../../src/graph/build.ts";
import type { Graph, HostTensor, Model, Params } from "../../src/graph/types.ts";
import { type Dice, dice } from "./dice.ts";

export function randomModel(seed: number): Model {
  const graph = randomGraph(seed);
  return { graph, params: randomParams(graph, seed) };
}

export function randomGraph(seed: number): Graph {
  const d = dice(seed, "graph");
  const side = d.pick([1, 2, 3, 5, 6, 7]);
  const b = builder(`random${seed}`, ["N", d.between(1, 3), side, d.chance(0.8) ? side : d.between(1, 7)]);
  let x = layer(b, d, b.input, d.between(3, 8));
  for (let i = d.between(1, 3); i > 0; i--) x = d.pick(BLOCKS)(b, d, x);
  return b.graph([head(b, d, x)]);
}

/** Weights of unit scale, batch norm with statistics and β far from trivial. */
export function randomParams(graph: Graph, seed: number): Params {
  const d = dice(seed, "params");
  const params = new Map<string, HostTensor>();
  for (const [name, { shape, role }] of Object.entries(graph.params)) {
    const size = shape.reduce((product, n) => product * n, 1);
    const fanIn = Math.max(1, size / shape[0]);
    const draw = {
      weight: () => d.normal(0, 1 / Math.sqrt(fanIn)),
      bias: () => d.normal(0, 0.5),
      gamma: () => d.normal(1, 0.3),
      beta: () => d.normal(0.2, 0.5),
      slope: () => d.uniform(-0.3, 0.6),
      mean: () => d.normal(0, 0.5),
      variance: () => d.uniform(0.3, 2),
      table: () => d.normal(0, 0.5),
    }[role];
    params.set(name, { shape, data: Float32Array.from({ length: size }, draw) });
  }
  return params;
}

/** Inputs for two samples. */
export function randomInputs(graph: Graph, seed: number, batch = 2): Record<string, HostTensor> {
  const d = dice(seed, "inputs");
  return Object.fromEntries(graph.inputs.map(({ name, shape }) => {
    const concrete = shape.map((n) => n === "N" ? batch : n);
    const size = concrete.reduce((product, n) => product * n, 1);
    return [name, { shape: concrete, data: Float32Array.from({ length: size }, () => d.normal()) }];
  }));
}

type Block = (b: Builder, d: Dice, x: string) => string;

const BLOCKS: readonly Block[] = [
  (b, d, x) => layer(b, d, x, d.between(2, 8)),
  residual,
  residual,
  concatenation,
  concatenation,
  depthwise,
  depthwise,
  grouped,
  thinGroups,
  groupNormed,
  attended,
  attended,
  resized,
  squeeze,
  gate,
  spatialGate,
  sloped,
  difference,
  pooling,
  widened,
  sliced,
  rearranged,
  perChannel,
  sparse,
];

/** A number unique within the graph, for parameter names. */
function fresh(b: Builder, prefix: string): string {
  return `${prefix}${b.graph(["input"]).nodes.length}`;
}

function layer(b: Builder, d: Dice, x: string, out: number): string {
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

function finish(b: Builder, d: Dice, y: string): string {
  if (d.chance(0.6)) y = b.batchNorm(y, { name: fresh(b, "bn") });
  return d.chance(0.8) ? activation(b, d, y) : y;
}

function activation(b: Builder, d: Dice, x: string): string {
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
    () => b.dropout(x),
  ])();
}

/** Keeps the size of the map. */
function same(b: Builder, d: Dice, x: string, out: number, group = 1): string {
  const kernel = d.pick([1, 3, 3]);
  return b.conv(x, { name: fresh(b, "conv"), out, kernel, pad: (kernel - 1) / 2, group, bias: d.chance(0.5) });
}

function residual(b: Builder, d: Dice, x: string): string {
  const out = d.chance(0.5) ? b.channels(x) : d.between(2, 8);
  const branch = finish(b, d, same(b, d, finish(b, d, same(b, d, x, d.between(2, 8))), out));
  const skip = out === b.channels(x) ? x : finish(b, d, same(b, d, x, out));
  const sum = d.chance(0.5) ? b.add(branch, skip) : b.add(skip, branch);
  return d.chance(0.7) ? activation(b, d, sum) : sum;
}

function concatenation(b: Builder, d: Dice, x: string): string {
  const parts = [finish(b, d, same(b, d, x, d.between(1, 4))), finish(b, d, same(b, d, x, d.between(1, 4)))];
  if (d.chance(0.4)) parts.push(x);
  const [, , h, w] = b.shape(x) as number[];
  if (d.chance(0.2)) parts.push(b.param(`${fresh(b, "plane")}.table`, [1, d.between(1, 2), h, w], "table"));
  return finish(b, d, b.concat(parts));
}

function depthwise(b: Builder, d: Dice, x: string): string {
  const channels = b.channels(x);
  const out = channels * (channels <= 4 && d.chance(0.2) ? 2 : 1);
  return finish(b, d, same(b, d, finish(b, d, same(b, d, x, out, channels)), d.between(2, 8)));
}

function grouped(b: Builder, d: Dice, x: string): string {
  const wide = finish(b, d, same(b, d, x, d.pick([4, 6, 8])));
  return finish(b, d, same(b, d, wide, d.pick([4, 6]), 2));
}

/** As ResNeXt has them. */
function thinGroups(b: Builder, d: Dice, x: string): string {
  const groups = d.pick([3, 4]);
  const wide = finish(b, d, same(b, d, x, 2 * groups));
  return finish(b, d, same(b, d, wide, groups * d.between(1, 3), groups));
}

function groupNormed(b: Builder, d: Dice, x: string): string {
  const groups = d.between(1, 3);
  const y = same(b, d, x, groups * d.between(1, 3));
  return activation(b, d, b.groupNorm(y, { name: fresh(b, "gn"), groups }));
}

/** A block of a transformer over the pixels: layer norm, two heads or one, an MLP, and back to an image. */
function attended(b: Builder, d: Dice, x: string): string {
  const [, channels, h, w] = b.shape(x) as number[];
  const heads = d.between(1, 2);
  const depth = d.between(1, 3);
  const project = (x: string, name: string, out: number) => {
    const own = fresh(b, name);
    const y = b.matmul(x, b.param(`${own}.weight`, [b.shape(x)[2] as number, out], "weight"));
    return d.chance(0.6) ? b.add(y, b.param(`${own}.bias`, [1, 1, out], "bias")) : y;
  };
  const normed = (x: string) => d.chance(0.7) ? b.layerNorm(x, { name: fresh(b, "ln") }) : x;
  let tokens = b.transpose(b.reshape(x, [channels, h * w]), [0, 2, 1]);
  if (d.chance(0.5)) tokens = b.add(tokens, b.param(`${fresh(b, "position")}.table`, [1, h * w, channels], "table"));
  const classified = d.chance(0.3);
  if (classified) tokens = b.concat([b.param(`${fresh(b, "class")}.table`, [1, 1, channels], "table"), tokens]);
  const count = b.shape(tokens)[1] as number;
  const before = normed(tokens);
  const [q, k, v] = ["q", "k", "v"].map((name) =>
    b.transpose(b.reshape(project(before, name, heads * depth), [count, heads, depth]), [0, 2, 1, 3])
  );
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

/** Nearest neighbours, and back to a size that doesn't grow from block to block. */
function resized(b: Builder, d: Dice, x: string): string {
  const scales = d.pick([[2, 2], [1, 2], [3, 1]] as const);
  const large = finish(b, d, b.resize(x, scales));
  return b.conv(large, { name: fresh(b, "conv"), out: d.between(2, 6), kernel: scales, stride: scales });
}

/** Squeeze and excitation. */
function squeeze(b: Builder, d: Dice, x: string): string {
  const hidden = b.relu(b.conv(b.globalAveragePool(x), { name: fresh(b, "squeeze"), out: d.between(1, 4), kernel: 1 }));
  const flat = d.chance(0.3);
  const excite = flat
    ? b.gemm(b.flatten(hidden), { name: fresh(b, "excite"), out: b.channels(x) })
    : b.conv(hidden, { name: fresh(b, "excite"), out: b.channels(x), kernel: 1 });
  const gates = flat && d.chance(0.5) ? b.reshape(excite, [b.channels(x), 1, 1]) : excite;
  if (d.chance(0.2)) return activation(b, d, d.chance(0.5) ? b.add(x, gates) : b.add(gates, x));
  return b.mul(x, b.sigmoid(gates));
}

function gate(b: Builder, d: Dice, x: string): string {
  const gates = b.sigmoid(same(b, d, x, b.channels(x)));
  return finish(b, d, b.mul(gates, x));
}

/** One map of gates over all channels. */
function spatialGate(b: Builder, d: Dice, x: string): string {
  const gates = b.sigmoid(same(b, d, x, 1));
  return finish(b, d, d.chance(0.7) ? b.mul(x, gates) : b.add(gates, x));
}

function sloped(b: Builder, d: Dice, x: string): string {
  return b.prelu(same(b, d, x, d.between(2, 6)), { name: fresh(b, "prelu") });
}

/** Sub, and Div by what is far from 0. */
function difference(b: Builder, d: Dice, x: string): string {
  const out = b.channels(x);
  const [p, q] = [finish(b, d, same(b, d, x, out)), finish(b, d, same(b, d, x, out))];
  return d.chance(0.6) ? b.sub(p, q) : b.div(p, b.sigmoid(q));
}

function pooling(b: Builder, d: Dice, x: string): string {
  const [, , h, w] = b.shape(x) as number[];
  const kernel = Math.min(h, w) >= 2 ? d.pick([2, 3]) : 1;
  const pad = kernel > Math.min(h, w) ? 1 : kernel === 3 ? d.between(0, 1) : 0;
  const stride = d.between(1, 2);
  const y = d.chance(0.5)
    ? b.maxPool(x, { kernel, stride, pad })
    : b.averagePool(x, { kernel, stride, pad, countIncludePad: d.chance(0.5) });
  return layer(b, d, y, d.between(2, 6));
}

/** The shortcut of option A: subsampled, and zero channels on both sides. */
function widened(b: Builder, d: Dice, x: string): string {
  const [, channels, h, w] = b.shape(x) as number[];
  const skip = b.slice(x, { axes: [2, 3], starts: [0, 0], ends: [h, w], steps: [2, 2] });
  const [before, after] = [d.between(0, 2), d.between(0, 2)];
  const padded = b.pad(skip, [0, before, 0, 0], [0, after, 0, 0]);
  const branch = b.conv(x, { name: fresh(b, "conv"), out: channels + before + after, kernel: 3, stride: 2, pad: 1 });
  return activation(b, d, b.add(finish(b, d, branch), padded));
}

function sliced(b: Builder, d: Dice, x: string): string {
  const channels = b.channels(x);
  const start = d.between(0, channels - 1);
  const end = d.between(start + 1, channels);
  const y = b.slice(x, { axes: [1], starts: [start], ends: [end], steps: [d.between(1, 2)] });
  const bordered = d.chance(0.5) ? b.pad(y, [0, 0, 1, 0], [0, 0, 1, 1]) : y;
  const other = finish(b, d, same(b, d, x, d.between(1, 3)));
  return d.chance(0.5) && bordered === y ? b.concat([y, other]) : layer(b, d, bordered, d.between(2, 6));
}

function rearranged(b: Builder, d: Dice, x: string): string {
  const indices = Array.from({ length: d.between(1, 6) }, () => d.between(0, b.channels(x) - 1));
  return layer(b, d, b.gather(x, indices), d.between(2, 6));
}

function perChannel(b: Builder, d: Dice, x: string): string {
  const channels = b.channels(x);
  const [, , h, w] = b.shape(x) as number[];
  const name = fresh(b, "affine");
  const shape = d.pick([[channels], [channels, 1, 1], [1, channels, 1, 1]]);
  const y = b.mul(x, b.param(`${name}.scale`, shape, "gamma"));
  const border = (n: number) => Array.from({ length: n }, (_, i) => i === 0 ? 0 : 1);
  return d.chance(0.5)
    ? b.add(b.param(`${name}.shift`, shape, "beta"), y)
    : b.borderBias(y, { name, rows: border(h), cols: border(w) });
}

/** Kept columns of a convolution. */
function sparse(b: Builder, d: Dice, x: string): string {
  const taps = Array.from({ length: b.channels(x) * 9 }, (_, i) => i).filter(() => d.chance(0.4));
  const y = b.columnConv(x, {
    name: fresh(b, "columns"),
    out: d.between(2, 6),
    kernel: 3,
    pad: 1,
    bias: d.chance(0.5),
    taps: taps.length > 0 ? taps : [0],
  });
  return finish(b, d, y);
}

function head(b: Builder, d: Dice, x: string): string {
  const out = d.between(2, 4);
  if (d.chance(0.15)) return same(b, d, x, out);
  const flat = d.chance(0.5) ? b.flatten(x) : b.flatten(b.globalAveragePool(x));
  const hidden = d.chance(0.5) ? finish(b, d, b.gemm(flat, { name: fresh(b, "fc"), out: d.between(3, 8) })) : flat;
  return b.gemm(hidden, { name: fresh(b, "logits"), out });
}
