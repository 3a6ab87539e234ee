/**
 * Random blocks whose insides are affine, as the forms of depth pruning leave them, with a layer before and a tail behind: rows of
 * convolutions, shortcuts and projections, inverted residuals, branches that are added or joined, norms before convolutions,
 * poolings, pads and slices in between, and linear layers over tokens; on maps down to 1×1.
 */
import { type Builder, builder } from "../../src/graph/build.ts";
import type { Graph } from "../../src/graph/types.ts";
import { type Dice, dice } from "./dice.ts";
import { activation, fresh } from "./pieces.ts";

export interface AffineBlock {
  readonly graph: Graph;
  /** The values between which all is affine, but for a tail. */
  readonly input: string;
  readonly output: string;
}

export function affineBlock(seed: number): AffineBlock {
  const d = dice(seed, "affine block");
  const side = d.between(1, 9);
  const b = builder(`affine${seed}`, ["N", d.between(1, 3), side, d.chance(0.7) ? side : d.between(1, 9)]);
  const channels = d.pick([2, 4, 6]);
  const input = b.relu(b.conv(b.input, { name: "before", out: channels, kernel: 1 }), "input");
  const made = d.pick([row, row, residual, residual, inverted, branches, branches, convnext, normed, odd, mlp])(
    b,
    d,
    input,
  );
  const output = d.chance(0.6) ? tail(b, d, made) : b.identity(made, "output");
  return { graph: b.graph([b.tanh(b.batchNorm(output, { name: "after" }), "score")]), input, output };
}

function tail(b: Builder, d: Dice, x: string): string {
  const y = activation(b, d, x);
  return d.chance(0.7) ? b.batchNorm(y, { name: fresh(b, "tail") }) : y;
}

function maybeNorm(b: Builder, d: Dice, x: string, chance = 0.8): string {
  return d.chance(chance) ? b.batchNorm(x, { name: fresh(b, "bn") }) : x;
}

interface Kind {
  readonly out: number;
  readonly stride?: number;
  readonly group?: number;
  readonly kernel?: number;
  /** Sizes stay but for the stride. */
  readonly same?: true;
}

/** A convolution and often its norm; kernels are never larger than the padded map. */
function conv(b: Builder, d: Dice, x: string, { out, stride = 1, group = 1, same, ...given }: Kind): string {
  const [, , height, width] = b.shape(x) as number[];
  const kernel = given.kernel ?? d.pick(same ? [1, 3, 3, 5] : [1, 2, 3, 3, 4, 5]);
  const dilation = kernel > 1 && d.chance(0.2) ? 2 : 1;
  const reach = dilation * (kernel - 1);
  const least = Math.max(0, Math.ceil((reach + 1 - Math.min(height, width)) / 2));
  const pad = same ? reach / 2 : Math.max(least, d.between(0, reach));
  const uneven = !same && d.chance(0.3) ? 1 : 0;
  const options = { name: fresh(b, "conv"), out, kernel, stride, dilation, group, bias: d.chance(0.4) };
  return maybeNorm(b, d, b.conv(x, { ...options, pad: [pad, pad + uneven, pad, pad] }));
}

/** Of two groups where there are channels for it. */
function groupsOf(d: Dice, ...channels: number[]): number {
  return d.chance(0.3) && channels.every((count) => count % 2 === 0) ? 2 : 1;
}

function row(b: Builder, d: Dice, x: string): string {
  for (let i = d.between(1, 3); i > 0; i--) {
    const out = d.pick([2, 3, 4]);
    x = conv(b, d, x, { out, stride: d.chance(0.25) ? 2 : 1, group: groupsOf(d, out, b.channels(x)) });
  }
  return x;
}

function residual(b: Builder, d: Dice, x: string): string {
  const stride = d.chance(0.3) ? 2 : 1;
  const out = stride === 2 || d.chance(0.3) ? d.pick([2, 4, 6]) : b.channels(x);
  const wide = d.pick([2, 4]);
  const first = conv(b, d, x, { out: wide, stride, same: true, group: groupsOf(d, wide, b.channels(x)) });
  const y = conv(b, d, first, { out, same: true });
  const direct = stride === 1 && out === b.channels(x);
  const skip = direct ? x : conv(b, d, x, { out, stride, kernel: 1, same: true });
  return d.chance(0.5) ? b.add(skip, y) : b.add(y, skip);
}

function inverted(b: Builder, d: Dice, x: string): string {
  const [wide, stride] = [b.channels(x) * 2, d.chance(0.3) ? 2 : 1];
  let y = conv(b, d, x, { out: wide, kernel: 1, same: true });
  y = conv(b, d, y, { out: wide, kernel: 3, same: true, group: wide, stride });
  y = conv(b, d, y, { out: b.channels(x), kernel: 1, same: true });
  return stride === 1 ? b.add(x, y) : y;
}

function convnext(b: Builder, d: Dice, x: string): string {
  const channels = b.channels(x);
  let y = conv(b, d, x, { out: channels, kernel: d.pick([3, 5, 7]), same: true, group: channels });
  y = conv(b, d, conv(b, d, y, { out: 4 * channels, kernel: 1, same: true }), { out: channels, kernel: 1, same: true });
  return b.add(x, b.mul(y, b.param(`${fresh(b, "scale")}.scale`, [channels, 1, 1], "gamma")));
}

/** As RepVGG, DBB and ACNet have them, of one stride. */
function branches(b: Builder, d: Dice, x: string): string {
  const stride = d.chance(0.25) ? 2 : 1;
  const out = d.chance(0.6) ? b.channels(x) : 4;
  const group = groupsOf(d, out, b.channels(x));
  const parts = [conv(b, d, x, { out, kernel: 3, stride, same: true, group })];
  const more: (() => string)[] = [
    () => conv(b, d, x, { out, kernel: 1, stride, same: true, group }),
    () => conv(b, d, conv(b, d, x, { out: 3, kernel: 1, same: true }), { out, kernel: 3, stride, same: true }),
    () => {
      const [left, right] = [1, out - 1].map((part) => conv(b, d, x, { out: part, kernel: 3, stride, same: true }));
      return b.concat([left, right]);
    },
    () => {
      const y = conv(b, d, x, { out, kernel: 1, same: true });
      const pool = { kernel: 3, stride, pad: 1, countIncludePad: d.chance(0.5), name: fresh(b, "pool") };
      return maybeNorm(b, d, b.averagePool(y, pool));
    },
  ];
  if (stride === 1 && out === b.channels(x)) more.push(() => maybeNorm(b, d, x));
  for (let i = d.between(1, 3); i > 0; i--) parts.push(d.pick(more)());
  return parts.reduce((a, c) => d.chance(0.8) ? b.add(a, c) : b.sub(a, c));
}

/** Norms, factors and shifts stand before zero-padded convolutions. */
function normed(b: Builder, d: Dice, x: string): string {
  let y = maybeNorm(b, d, x, 1);
  if (d.chance(0.5)) y = b.mul(y, b.param(`${fresh(b, "factor")}.factor`, [b.channels(y)], "gamma"));
  if (d.chance(0.5)) y = b.add(b.param(`${fresh(b, "shift")}.shift`, [1, b.channels(y), 1, 1], "bias"), y);
  y = conv(b, d, y, { out: b.channels(x), same: true });
  return d.chance(0.5) ? b.add(x, y) : y;
}

/** Pads, slices, gathered channels and tables at the border between two convolutions. */
function odd(b: Builder, d: Dice, x: string): string {
  let y = conv(b, d, x, { out: 4, same: true });
  if (d.chance(0.5)) y = b.pad(y, [0, d.between(0, 1), 1, 0], [0, 0, 1, 2]);
  if (d.chance(0.5)) y = b.gather(y, d.order(b.channels(y)).slice(0, 3));
  if (d.chance(0.5)) {
    const [, , height, width] = b.shape(y) as number[];
    const ends = [height, width];
    y = b.slice(y, { axes: [2, 3], starts: [height > 1 ? 1 : 0, 0], ends, steps: [1, d.between(1, 2)] });
  }
  if (d.chance(0.5)) {
    const [, , height, width] = b.shape(y) as number[];
    const lines = (size: number) => Array.from({ length: size }, (_, i) => Math.min(i, 2));
    y = b.borderBias(y, { name: fresh(b, "border"), rows: lines(height), cols: lines(width) });
  }
  return conv(b, d, y, { out: 2 });
}

/** Pixels as tokens: norms over their features before and between two linear layers, and back. */
function mlp(b: Builder, d: Dice, x: string): string {
  const [, channels, height, width] = b.shape(x) as number[];
  const tokens = b.transpose(b.reshape(x, [channels, height * width]), [0, 2, 1]);
  const norm = (y: string) =>
    d.chance(0.8) ? b.transpose(b.batchNorm(b.transpose(y, [0, 2, 1]), { name: fresh(b, "bn") }), [0, 2, 1]) : y;
  let y = b.linear(norm(tokens), { name: fresh(b, "fc"), out: 4 * channels, bias: d.chance(0.7) });
  y = b.linear(norm(y), { name: fresh(b, "fc"), out: channels, bias: d.chance(0.7) });
  return b.reshape(b.transpose(b.add(tokens, y), [0, 2, 1]), [channels, height, width]);
}
