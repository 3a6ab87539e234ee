/**
 * The import of operators that only move numbers. The batch has to be first where anything is computed; between two of
 * these operators it may stand elsewhere (joint queries, keys and values are transposed so).
 */
import type { Dim } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { type Call, required } from "./call.ts";
import { axesOf, axisOf, integersOf, listOf, partsOf } from "./folding.ts";
import { batchesIn, ofBatches, productOf, quotientOf, type Size } from "./sizes.ts";
import { around, batchAxis, isPlain, sizesOf, type View } from "./views.ts";
import { transposedConstant } from "./fold-layout.ts";

/** A constant among them that stands in every sample (an expanded class token) is a table. */
export function concat(call: Call): void {
  const first = Array.from({ length: call.arity }, (_, i) => i).find((i) => !call.isConstant(i));
  if (first === undefined) throw call.fail("all its inputs are constant");
  const rank = call.shape(call.activation(first)).length;
  const axis = axisOf(call.node, call.attrs.integer("axis", 1), rank);
  if (axis === 0) throw call.fail("axis 0 is the batch, which can't be joined");
  const perm = exchange(rank, axis);
  const values = Array.from({ length: call.arity }, (_, i) => {
    if (call.isConstant(i)) {
      const constant = call.constant(i)!;
      if (constant.shape[0] !== 1 || constant.shape.length !== rank) {
        throw call.fail(`input ${i} is a constant [${constant.shape}], expected [1, …] of rank ${rank}`);
      }
      return call.parameter(axis === 1 ? constant : transposedConstant(constant, perm), "table", "table");
    }
    const x = call.activation(i);
    return axis === 1 ? x : call.between("Transpose", [x], { perm });
  });
  if (axis === 1) call.emit("Concat", values, { axis: 1 });
  else call.emit("Transpose", [call.between("Concat", values, { axis: 1 })], { perm });
}

/** The order of axes that exchanges axis 1 and another one: its own inverse. */
export function exchange(rank: number, axis: number): readonly number[] {
  return Array.from({ length: rank }, (_, i) => i === 1 ? axis : i === axis ? 1 : i);
}

export function flatten(call: Call): void {
  const x = call.activation(0);
  call.emit("Flatten", [x], { axis: axisOf(call.node, call.attrs.integer("axis", 1), call.shape(x).length) });
}

/**
 * Where the batch is first and stays it, a Reshape or Flatten. Elsewhere as many numbers as stand before the batch, and behind
 * it, have to be there still: those of them that share its axis then are axes of the value beside it.
 */
export function reshape(call: Call): void {
  const view = call.view(0);
  const shape = call.shape(view.value);
  const sizes = sizesOf(view, shape);
  const copies = call.attrs.integer("allowzero", 0) === 0;
  const given = Array.from(required(call, 1, "shape").data);
  if (!copies && given.includes(0)) throw call.fail(`attribute allowzero asks for the empty shape [${given}]`);
  const copied = given.map((d, axis) => d === 0 ? sizes[axis] : d);
  const { before, behind } = around(view, shape);
  const wanted = completed(call, copied, before * behind);
  const own = batchAxis(view);
  const ones = own - 1 - sizes.slice(0, own).findLastIndex((size) => size !== 1);
  const at = wanted && batchPlace(wanted, { before, behind, ones }, call.fixedBatch);
  if (!wanted || !at) {
    throw call.fail(`can't give [${sizes}] the shape [${copied}]: it has to keep the samples of the batch apart`);
  }
  const rest = (from: number, to?: number) => wanted.slice(from, to) as number[];
  if (isPlain(view) && at.axis === 0 && at.behind === 1) return toShape(call, view.value, rest(1));
  const shared = [at.before, at.behind].filter((size) => size > 1);
  const into = [...rest(0, at.axis), ...shared, ...rest(at.axis + 1)];
  const { value } = call.inOrder(view);
  const same = call.shape(value).slice(1).join() === into.join();
  const made = same ? value : call.between("Reshape", [value], { shape: [0, ...into] });
  let next = at.axis + 1;
  const batch = [...at.before > 1 ? [next++] : [], 0, ...at.behind > 1 ? [next++] : []];
  call.emitView({
    value: made,
    groups: wanted.map((_, i) => i < at.axis ? [i + 1] : i === at.axis ? batch : [next++]),
  });
}

/** The sizes with −1 worked out, which may be a multiple of the batch; undefined where that is no size. */
function completed(call: Call, sizes: readonly (Size | undefined)[], sample: number): readonly Size[] | undefined {
  const open = sizes.indexOf(-1);
  const isSize = (size: Size | undefined, axis: number): size is Size =>
    axis === open || (size !== undefined && (typeof size === "string" || (Number.isSafeInteger(size) && size > 0)));
  if (!sizes.every(isSize)) return undefined;
  if (open < 0) return sizes;
  const known = sizes.filter((_, i) => i !== open).reduce<Size | undefined>(
    (product, size) => product === undefined ? undefined : productOf(product, size),
    1,
  );
  const all = [...call.fixedBatch === undefined ? [] : [sample * call.fixedBatch], ofBatches(sample)];
  const found = known === undefined
    ? undefined
    : all.map((size) => quotientOf(size, known)).find((size) => size !== undefined);
  return found === undefined ? undefined : sizes.with(open, found);
}

interface BatchPlace {
  /** The axis along which the batch stands. */
  readonly axis: number;
  /** Numbers that share it, before and behind the batch. */
  readonly before: number;
  readonly behind: number;
}

/**
 * The axis of a reshaped value that holds the batch. Where it is a number, as files with a fixed batch have it, several axes may
 * fit: one that holds the batch alone, else the last one that isn't that of the features. Of one sample there may be other axes
 * of size 1: the batch then stands behind as many of them as it did.
 *
 * @param from numbers of a sample before and behind the batch, and axes of size 1 just before it
 */
function batchPlace(
  sizes: readonly Size[],
  { before, behind, ones }: { readonly before: number; readonly behind: number; readonly ones: number },
  fixedBatch: number | undefined,
): BatchPlace | undefined {
  const product = (part: readonly Size[]) => part.reduce<number>((all, size) => all * Number(size), 1);
  const places = sizes.flatMap((size, axis): BatchPlace[] => {
    const [left, right] = [before / product(sizes.slice(0, axis)), behind / product(sizes.slice(axis + 1))];
    const times = batchesIn(size) ?? (fixedBatch === undefined ? NaN : Number(size) / fixedBatch);
    const fits = Number.isInteger(left) && Number.isInteger(right) && times === left * right;
    return fits ? [{ axis, before: left, behind: right }] : [];
  });
  const alone = places.filter(({ before, behind }) => before === 1 && behind === 1);
  return alone[Math.min(ones, alone.length - 1)] ?? places.findLast(({ axis }) => axis < sizes.length - 1) ?? places[0];
}

/**
 * An activation repeated along axes of size 1. Pixels of an image are repeated by a Resize, channels by a Gather, other axes
 * in the place of the channels.
 */
export function expand(call: Call): void {
  const x = call.activation(0);
  const shape = call.shape(x);
  const wanted = Array.from(required(call, 1, "shape").data);
  const rank = shape.length;
  const misfit = () => call.fail(`can't expand [${shape}] to [${wanted}]: the batch has to stay the first dimension`);
  if (wanted.length > rank) throw misfit();
  const full = [...new Array<Dim>(rank - wanted.length).fill(1), ...wanted];
  const keepsBatch = full[0] === "N" || full[0] === 1 || full[0] === call.fixedBatch;
  if (!keepsBatch || full.some((d, axis) => axis > 0 && d !== 1 && shape[axis] !== 1 && d !== shape[axis])) {
    throw misfit();
  }
  const factors = shape.map((d, axis) => axis > 0 && d === 1 ? Number(full[axis]) : 1);
  let y = x;
  if (rank === 4 && factors.slice(2).some((f) => f > 1)) {
    y = call.between("Resize", [y], { scales: factors.splice(2, 2) });
  }
  factors.forEach((factor, axis) => {
    if (factor > 1) y = repeated(call, y, axis, factor);
  });
  call.emit("Identity", [y]);
}

function repeated(call: Call, x: string, axis: number, times: number): string {
  const attrs = { axis: 1, indices: new Array<number>(times).fill(0) };
  if (axis === 1) return call.between("Gather", [x], attrs);
  const perm = exchange(call.shape(x).length, axis);
  return call.between("Transpose", [call.between("Gather", [call.between("Transpose", [x], { perm })], attrs)], {
    perm,
  });
}

export function squeeze(call: Call): void {
  const view = call.view(0);
  const sizes = sizesOf(view, call.shape(view.value));
  const axes = axesOf(call, call.constant(1), sizes.length) ?? sizes.flatMap((d, axis) => d === 1 ? [axis] : []);
  if (axes.some((axis) => sizes[axis] !== 1)) throw call.fail(`can't take the axes [${axes}] off [${sizes}]`);
  if (isPlain(view)) {
    const shape = call.shape(view.value);
    return toShape(call, view.value, shape.slice(1).filter((_, i) => !axes.includes(i + 1)));
  }
  call.emitView(dropped(call, view, axes));
}

export function unsqueeze(call: Call): void {
  const view = call.view(0);
  const given = listOf(call, "axes", call.constant(1));
  const rank = view.groups.length + (given?.length ?? 0);
  if (!given || rank > 8) throw call.fail("axes are missing, or too many");
  const axes = given.map((axis) => axisOf(call.node, axis, rank));
  if (new Set(axes).size < axes.length) throw call.fail(`axes [${given}] name an axis twice`);
  const groups = [...view.groups];
  const wider = Array.from({ length: rank }, (_, axis) => axes.includes(axis) ? [] : groups.shift()!);
  if (!isPlain(view) || axes.includes(0)) return call.emitView({ value: view.value, groups: wider });
  const shape = call.shape(view.value);
  toShape(call, view.value, wider.slice(1).map(([axis]) => axis === undefined ? 1 : shape[axis]));
}

/** Flatten where one dimension is left beside the batch: what pruning sees through. */
function toShape(call: Call, x: string, rest: readonly Dim[], output = 0): void {
  if (rest.length === 1) call.emit("Flatten", [x], { axis: 1 }, output);
  else call.emit("Reshape", [x], { shape: [0, ...rest as number[]] }, output);
}

export function transpose(call: Call): void {
  const view = call.view(0);
  const rank = view.groups.length;
  const perm = call.attrs.integers("perm") ?? view.groups.map((_, axis) => rank - 1 - axis);
  if (perm.toSorted((a, b) => a - b).join() !== view.groups.map((_, axis) => axis).join()) {
    throw call.fail(`attribute perm [${perm}] isn't an order of ${rank} axes`);
  }
  call.emitView({ value: view.value, groups: perm.map((axis) => view.groups[axis]) });
}

export function slice(call: Call): void {
  const view = call.view(0);
  const { value } = view;
  // PyTorch writes the largest int64 for "to the end"; what is far outside of any axis may as well be nearer.
  const near = (list: readonly number[]) => list.map((v) => Math.min(Math.max(v, -(2 ** 31)), 2 ** 31));
  const [starts, ends] = [1, 2].map((i) => near(integersOf(call.node, required(call, i, "range"))));
  const given = [3, 4].map((i) => {
    const constant = call.constant(i);
    return constant && integersOf(call.node, constant);
  });
  const steps = given[1] ?? starts.map(() => 1);
  const axes = (given[0] ?? starts.map((_, i) => i)).map((axis) => ownAxis(call, view, axis));
  // The whole of the batch may be asked for.
  const kept = axes.flatMap((axis, i) =>
    axis === 0 && starts[i] === 0 && ends[i] === 2 ** 31 && steps[i] === 1 ? [] : [i]
  );
  const attrs = {
    axes: kept.map((i) => axes[i]),
    starts: kept.map((i) => starts[i]),
    ends: kept.map((i) => ends[i]),
    steps: kept.map((i) => steps[i]),
  };
  if (kept.length === 0) return call.emitView(view);
  const [source, all] = joined(call, value, attrs);
  if (isPlain(view)) return call.emit("Slice", [source], all);
  call.emitView({ ...view, value: call.between("Slice", [source], all) });
}

type SliceAttrs = Readonly<Record<"axes" | "starts" | "ends" | "steps", readonly number[]>>;

/** PyTorch slices axis by axis: a Slice of a Slice along other axes is one of all of them. */
function joined(call: Call, value: string, attrs: SliceAttrs): [string, SliceAttrs] {
  const maker = call.maker(value);
  if (maker?.op !== "Slice") return [value, attrs];
  const before = maker.attrs as SliceAttrs;
  if (before.axes.some((axis) => attrs.axes.includes(axis))) return [value, attrs];
  const both = (key: keyof SliceAttrs) => [...before[key], ...attrs[key]];
  return [maker.inputs[0], { axes: both("axes"), starts: both("starts"), ends: both("ends"), steps: both("steps") }];
}

/** A Slice for each part. */
export function split(call: Call): void {
  const view = call.view(0);
  const { node, attrs } = call;
  const axis = ownAxis(call, view, attrs.integer("axis", 0));
  if (axis === 0) throw call.fail("its axis is the batch, which can't be split");
  const size = call.shape(view.value)[axis] as number;
  let start = 0;
  partsOf(call, size, call.constant(1)).forEach((count, i) => {
    const range = { axis, start, count };
    start += count;
    if (node.outputs[i] === "") return;
    if (isPlain(view)) call.emit("Slice", [view.value], rangeAttrs(range), i);
    else call.emitView({ ...view, value: sliced(call, view.value, range) }, i);
  });
}

export function pad(call: Call): void {
  const x = call.activation(0);
  const rank = call.shape(x).length;
  const mode = call.attrs.text("mode", "constant");
  const given = integersOf(call.node, required(call, 1, "pads"));
  const axes = call.constant(3);
  const padded = axes
    ? integersOf(call.node, axes).map((axis) => axisOf(call.node, axis, rank))
    : call.shape(x).map((_, axis) => axis);
  if (given.length !== 2 * padded.length) {
    throw call.fail(`${given.length} pads for ${padded.length} axes, expected ${2 * padded.length}`);
  }
  const pads = new Array<number>(2 * rank).fill(0);
  padded.forEach((axis, i) => {
    pads[axis] = given[i];
    pads[axis + rank] = given[i + padded.length];
  });
  const more = pads.map((p) => Math.max(p, 0));
  const value = mode === "constant" ? Array.from(call.constant(2)?.data ?? [0]) : [0];
  if (more.some((p) => p > 0) && (mode !== "constant" || value.some((v) => v !== 0))) {
    throw call.fail(`attribute mode "${mode}" with the value ${value} isn't supported, expected constant zeros`);
  }
  if (pads.every((p) => p === 0)) return call.emit("Identity", [x]);
  if (pads.every((p) => p >= 0)) return call.emit("Pad", [x], { pads });
  const cropped = call.shape(x).flatMap((_, axis) => pads[axis] < 0 || pads[axis + rank] < 0 ? [axis] : []);
  const crop = {
    axes: cropped,
    starts: cropped.map((axis) => Math.max(0, -pads[axis])),
    ends: cropped.map((axis) => Number(call.shape(x)[axis]) + Math.min(0, pads[axis + rank])),
    steps: cropped.map(() => 1),
  };
  if (more.every((p) => p === 0)) return call.emit("Slice", [x], crop);
  call.emit("Pad", [call.between("Slice", [x], crop)], { pads: more });
}

/** One index takes a slice and drops its axis; a list of them is a Gather of channels, or a Slice where it is a range. */
export function gather(call: Call): void {
  const view = call.view(0);
  const at = required(call, 1, "indices");
  const fileAxis = axisOf(call.node, call.attrs.integer("axis", 0), view.groups.length);
  const axis = ownAxis(call, view, fileAxis);
  if (axis === 0) throw call.fail("it takes samples out of the batch, which isn't supported");
  const size = call.shape(view.value)[axis] as number;
  const indices = integersOf(call.node, at).map((i) => i < 0 ? i + size : i);
  if (indices.length === 0 || indices.some((i) => i < 0 || i >= size)) {
    throw call.fail(`indices [${indices.slice(0, 8)}] aren't inside of ${size}`);
  }
  if (at.shape.length > 1) throw call.fail(`indices of rank ${at.shape.length} aren't supported, expected a list`);
  const isRange = indices.every((index, i) => index === indices[0] + i);
  if (at.shape.length === 0) {
    const value = sliced(call, view.value, { axis, start: indices[0], count: 1 });
    if (!isPlain(view)) return call.emitView(dropped(call, { ...view, value }, [fileAxis]));
    return toShape(call, value, call.shape(value).slice(1).filter((_, i) => i + 1 !== axis));
  }
  if (!isPlain(view)) throw call.fail("a list of indices beside a batch that isn't first isn't supported");
  const x = view.value;
  if (axis === 1) call.emit("Gather", [x], { axis: 1, indices });
  else if (isRange) call.emit("Slice", [x], rangeAttrs({ axis, start: indices[0], count: indices.length }));
  else {
    const perm = exchange(view.groups.length, axis);
    const taken = call.between("Gather", [call.between("Transpose", [x], { perm })], { axis: 1, indices });
    call.emit("Transpose", [taken], { perm });
  }
}

interface Range {
  readonly axis: number;
  readonly start: number;
  readonly count: number;
}

function rangeAttrs({ axis, start, count }: Range) {
  return { axes: [axis], starts: [start], ends: [start + count], steps: [1] };
}

/**
 * A Slice of the value. Where a Reshape had just made the axis, as the outermost of those that it split one into, what it
 * split is cut instead, and reshaped: [N,T,3·H·D] -> [N,T,H·D] -> [N,T,1,H,D], whose channels pruning can follow.
 */
function sliced(call: Call, value: string, { axis, start, count }: Range): string {
  const shape = call.shape(value) as number[];
  const source = unshaped(call, value);
  const from = source === undefined ? [] : call.shape(source) as number[];
  const before = elements(shape.slice(1, axis));
  const at = from.findIndex((_, i) => i > 0 && elements(from.slice(1, i)) === before);
  const inner = at < 0 ? NaN : from[at] / shape[axis];
  const isOutermost = shape.some((_, end) => end >= axis && elements(shape.slice(axis + 1, end + 1)) === inner);
  if (!isOutermost) return call.between("Slice", [value], rangeAttrs({ axis, start, count }));
  const cut = call.between("Slice", [source!], rangeAttrs({ axis: at, start: start * inner, count: count * inner }));
  return call.between("Reshape", [cut], { shape: [0, ...shape.slice(1).map((d, i) => i + 1 === axis ? count : d)] });
}

/** The value that a Reshape made this one of; undefined where it was made otherwise. */
function unshaped(call: Call, value: string): string | undefined {
  const maker = call.maker(value);
  return maker?.op === "Reshape" || maker?.op === "Flatten" ? maker.inputs[0] : undefined;
}

/** The view without these axes of the file, each of size 1 and none the batch's. */
export function dropped(call: Call, view: View, axes: readonly number[]): View {
  const own = axes.flatMap((axis) => view.groups[axis]);
  const { value } = view;
  const rest = call.shape(value).slice(1).filter((_, i) => !own.includes(i + 1)) as number[];
  const source = unshaped(call, value) ?? value;
  const same = call.shape(source).slice(1).join() === rest.join();
  const left = same ? source : call.between("Reshape", [source], { shape: [0, ...rest] });
  const kept = view.groups.filter((_, axis) => !axes.includes(axis));
  return {
    value: own.length === 0 ? value : left,
    groups: kept.map((group) => group.map((axis) => axis - own.filter((gone) => gone < axis).length)),
  };
}

/** The axis of the value that an axis of the file is. */
function ownAxis(call: Call, { groups }: View, axis: number): number {
  const group = groups[axisOf(call.node, axis, groups.length)];
  if (group.length === 1) return group[0];
  throw call.fail(
    `axis ${axis} ${group.length === 0 ? "is of size 1 alone" : "holds the batch beside others"}, expected another`,
  );
}
