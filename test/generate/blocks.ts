/** The blocks that random networks consist of: each reads an image and makes another. */
import type { Builder } from "../../src/graph/build.ts";
import type { Dice } from "./dice.ts";
import { activation, EPSILON, finish, fresh, layer, same } from "./pieces.ts";
import { attended, convnext } from "./tokens.ts";

type Block = (b: Builder, d: Dice, x: string) => string;

export const BLOCKS: readonly Block[] = [
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
  convnext,
  inverted,
  split,
  resized,
  transposed,
  shuffled,
  squeeze,
  gate,
  spatialGate,
  sloped,
  difference,
  pooling,
  pooling,
  widened,
  sliced,
  rearranged,
  perChannel,
  perChannel,
  sparse,
];

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
  return activation(b, d, b.groupNorm(y, { name: fresh(b, "gn"), groups, epsilon: EPSILON }));
}

/** Nearest neighbours, and back to a size that doesn't grow from block to block. */
function resized(b: Builder, d: Dice, x: string): string {
  const scales = d.pick([[2, 2], [1, 2], [3, 1]] as const);
  const large = finish(b, d, b.resize(x, scales));
  return b.conv(large, { name: fresh(b, "conv"), out: d.between(2, 6), kernel: scales, stride: scales });
}

/** A transposed convolution, and back to a size that doesn't grow. */
function transposed(b: Builder, d: Dice, x: string): string {
  const [kernel, stride] = d.pick([[2, 2], [3, 2], [4, 2], [3, 1]] as const);
  const out = d.between(2, 6);
  const name = fresh(b, "up");
  const inputs = [x, b.param(`${name}.weight`, [b.channels(x), out, kernel, kernel], "weight")];
  if (d.chance(0.6)) inputs.push(b.param(`${name}.bias`, [out], "bias"));
  // Two pixels have to be left for what comes behind.
  const few = Math.min(...b.shape(x).slice(2) as number[]) === 1;
  const pad = kernel === 4 || (kernel === 3 && !few) ? d.between(0, 1) : 0;
  const attrs = { strides: [stride, stride], pads: [pad, pad, pad, pad] };
  const large = finish(b, d, b.node("ConvTranspose", inputs, attrs, name));
  if (stride === 1) return large;
  return b.conv(large, { name: fresh(b, "conv"), out: d.between(2, 6), kernel: 2, stride: 2 });
}

/** Blocks of pixels out of channels, and back. */
function shuffled(b: Builder, d: Dice, x: string): string {
  const wide = finish(b, d, same(b, d, x, 4 * d.between(1, 2)));
  const large = b.node("DepthToSpace", [wide], { blocksize: 2, mode: d.pick(["DCR", "CRD"]) });
  return b.conv(finish(b, d, large), { name: fresh(b, "conv"), out: d.between(2, 6), kernel: 2, stride: 2 });
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

/** As MobileNetV3 has them: expand, depthwise, squeeze and excite with a hard sigmoid, project, and a shortcut. */
function inverted(b: Builder, d: Dice, x: string): string {
  const wide = d.between(3, 8);
  let y = b.hardSwish(b.batchNorm(same(b, d, x, wide), { name: fresh(b, "bn") }));
  y = b.hardSwish(b.batchNorm(same(b, d, y, wide, wide), { name: fresh(b, "bn") }));
  const hidden = b.relu(b.conv(b.globalAveragePool(y), { name: fresh(b, "squeeze"), out: 2, kernel: 1 }));
  const gates = b.conv(hidden, { name: fresh(b, "excite"), out: wide, kernel: 1 });
  y = b.mul(y, b.hardSigmoid(gates, { alpha: 1 / 6, beta: 0.5 }));
  return b.add(b.batchNorm(same(b, d, y, b.channels(x)), { name: fresh(b, "bn") }), x);
}

/** Two halves go ways of their own and come together again. */
function split(b: Builder, d: Dice, x: string): string {
  const y = finish(b, d, same(b, d, x, d.pick([4, 6])));
  const half = b.channels(y) / 2;
  const part = (i: number) => b.slice(y, { axes: [1], starts: [half * i], ends: [half * (i + 1)] });
  const [left, right] = [part(0), finish(b, d, same(b, d, part(1), half))];
  return d.chance(0.5) ? b.concat([left, right]) : finish(b, d, b.add(left, right));
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
