/** Folding of what only moves numbers. What these make keeps the name of its source, so that parameters keep theirs. */
import { elements } from "../../tensor/tensor.ts";
import { onnxError } from "./attributes.ts";
import {
  axesOf,
  axisOf,
  broadcastShape,
  broadcastStrides,
  build,
  floatsOf,
  type Fold,
  integersOf,
  listOf,
  need,
  partsOf,
  reshaped,
  sizes,
  spend,
  strided,
  stridesOf,
} from "./folding.ts";
import type { Constant } from "./tensors.ts";

export const LAYOUT_FOLDS: Readonly<Record<string, Fold>> = {
  Gather(ctx, inputs) {
    const [x, at] = [need(ctx, inputs, 0), need(ctx, inputs, 1)];
    const axis = axisOf(ctx.node, ctx.attrs.integer("axis", 0), x.shape.length);
    const size = x.shape[axis];
    const indices = integersOf(ctx.node, at).map((i) => i < 0 ? i + size : i);
    if (indices.some((i) => i < 0 || i >= size)) throw onnxError(ctx.node, `an index is outside of axis ${axis}`);
    const inner = elements(x.shape.slice(axis + 1));
    const shape = [...x.shape.slice(0, axis), ...at.shape, ...x.shape.slice(axis + 1)];
    const read = (i: number) => {
      const place = Math.floor(i / inner);
      const outer = Math.floor(place / indices.length);
      return x.data[(outer * size + indices[place % indices.length]) * inner + i % inner];
    };
    return build(ctx, x.type, shape, read, floatsOf(x));
  },
  Unsqueeze(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const given = listOf(ctx, "axes", inputs[1]);
    if (!given || given.length > 8) throw onnxError(ctx.node, "axes are missing, or more than 8");
    const rank = x.shape.length + given.length;
    const axes = given.map((axis) => axisOf(ctx.node, axis, rank));
    const rest = [...x.shape];
    return { ...x, shape: Array.from({ length: rank }, (_, axis) => axes.includes(axis) ? 1 : rest.shift() ?? 1) };
  },
  Squeeze(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const axes = axesOf(ctx, inputs[1], x.shape.length);
    const shape = x.shape.filter((d, axis) => axes ? !axes.includes(axis) : d !== 1);
    return reshaped(ctx, x, shape);
  },
  Reshape(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const copies = ctx.attrs.integer("allowzero", 0) === 0;
    const wanted = integersOf(ctx.node, need(ctx, inputs, 1))
      .map((d, axis) => d === 0 && copies ? x.shape[axis] ?? 0 : d);
    const known = elements(wanted.filter((d) => d !== -1));
    return reshaped(ctx, x, wanted.map((d) => d === -1 ? x.data.length / known : d));
  },
  Flatten(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const axis = axisOf(ctx.node, ctx.attrs.integer("axis", 1), x.shape.length + 1);
    return reshaped(ctx, x, [elements(x.shape.slice(0, axis)), elements(x.shape.slice(axis))]);
  },
  Transpose(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const perm = ctx.attrs.integers("perm") ?? x.shape.map((_, axis) => x.shape.length - 1 - axis);
    if (perm.toSorted((a, b) => a - b).join() !== x.shape.map((_, axis) => axis).join()) {
      throw onnxError(ctx.node, `attribute perm [${perm}] isn't an order of ${x.shape.length} axes`);
    }
    const steps = stridesOf(x.shape);
    return strided(ctx, x, perm.map((axis) => x.shape[axis]), perm.map((axis) => steps[axis]));
  },
  Slice(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const [starts, ends] = [1, 2].map((i) => integersOf(ctx.node, need(ctx, inputs, i)));
    const axes = inputs[3] ? integersOf(ctx.node, inputs[3]) : starts.map((_, i) => i);
    const steps = inputs[4] ? integersOf(ctx.node, inputs[4]) : starts.map(() => 1);
    const [shape, along] = [[...x.shape], stridesOf(x.shape)];
    let offset = 0;
    axes.forEach((given, i) => {
      const axis = axisOf(ctx.node, given, x.shape.length);
      const [size, step] = [x.shape[axis], steps[i]];
      if (!(step > 0 || step < 0)) throw onnxError(ctx.node, `step ${step} isn't supported`);
      const clamp = (v: number, least: number, most: number) => Math.min(Math.max(v < 0 ? v + size : v, least), most);
      const start = step > 0 ? clamp(starts[i], 0, size) : clamp(starts[i], 0, size - 1);
      const end = step > 0 ? clamp(ends[i], 0, size) : clamp(ends[i], -1, size - 1);
      shape[axis] = Math.max(0, Math.ceil((end - start) / step));
      offset += start * along[axis];
      along[axis] *= step;
    });
    return strided(ctx, x, shape, along, offset);
  },
  Split(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const axis = axisOf(ctx.node, ctx.attrs.integer("axis", 0), x.shape.length);
    const steps = stridesOf(x.shape);
    let start = 0;
    return partsOf(ctx, x.shape[axis], inputs[1]).map((count) => {
      const part = strided(ctx, x, x.shape.with(axis, count), steps, start * steps[axis]);
      start += count;
      return part;
    });
  },
  Concat(ctx, inputs) {
    const all = inputs.map((_, i) => need(ctx, inputs, i));
    const [first] = all;
    const axis = axisOf(ctx.node, ctx.attrs.integer("axis", 0), first.shape.length);
    const elsewhere = (shape: readonly number[]) => shape.map((d, i) => i === axis ? 0 : d).join();
    if (all.some(({ shape }) => elsewhere(shape) !== elsewhere(first.shape))) {
      throw onnxError(ctx.node, `its constants differ outside of axis ${axis}`);
    }
    const inner = elements(first.shape.slice(axis + 1));
    const total = all.reduce((sum, { shape }) => sum + shape[axis], 0);
    // For each place along the axis: whose it is, and where it stands there.
    spend(ctx, total);
    const owners = all.flatMap((x) => Array.from({ length: x.shape[axis] }, (_, at) => ({ x, at })));
    const read = (i: number) => {
      const place = Math.floor(i / inner);
      const { x, at } = owners[place % total];
      return x.data[(Math.floor(place / total) * x.shape[axis] + at) * inner + i % inner];
    };
    return build(ctx, first.type, first.shape.with(axis, total), read, floatsOf(...all));
  },
  Tile(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const repeats = sizes(ctx, need(ctx, inputs, 1));
    if (repeats.length !== x.shape.length) throw onnxError(ctx.node, `repeats [${repeats}] of [${x.shape}]`);
    const steps = stridesOf(x.shape);
    const shape = x.shape.map((d, axis) => d * repeats[axis]);
    const outer = stridesOf(shape);
    const read = (i: number) =>
      x.data[steps.reduce((at, step, axis) => at + step * (Math.floor(i / outer[axis]) % x.shape[axis]), 0)];
    return build(ctx, x.type, shape, read, floatsOf(x));
  },
  Expand(ctx, inputs) {
    const x = need(ctx, inputs, 0);
    const shape = broadcastShape(ctx, x.shape, sizes(ctx, need(ctx, inputs, 1)));
    return strided(ctx, x, shape, broadcastStrides(x.shape, shape));
  },
};

/** With its axes in another order. */
export function transposedConstant(constant: Constant, perm: readonly number[]): Constant {
  const shape = perm.map((axis) => constant.shape[axis]);
  const steps = stridesOf(constant.shape);
  const along = perm.map((axis) => steps[axis]);
  const inner = stridesOf(shape);
  const data = Float32Array.from({ length: constant.data.length }, (_, i) => {
    const at = along.reduce((sum, step, axis) => sum + (Math.floor(i / inner[axis]) % shape[axis]) * step, 0);
    return constant.data[at] as number;
  });
  return { ...constant, shape, data };
}
