/** The import of operators that only move numbers. The batch has to stay the first dimension. */
import { sampleSize } from "../../graph/infer.ts";
import type { Dim } from "../../graph/types.ts";
import { type Call, required } from "./call.ts";
import { axesOf, axisOf, integersOf } from "./fold.ts";

/** A constant among them that stands in every sample (an expanded class token) is a table. */
export function concat(call: Call): void {
  const values = Array.from({ length: call.arity }, (_, i) => {
    if (!call.isConstant(i)) return call.activation(i);
    const constant = call.constant(i)!;
    if (constant.shape[0] !== 1) throw call.fail(`input ${i} is a constant [${constant.shape}], expected [1, …]`);
    return call.parameter(constant, "table", "table");
  });
  const sample = values.find((_, i) => !call.isConstant(i));
  if (sample === undefined) throw call.fail("all its inputs are constant");
  call.emit("Concat", values, { axis: axisOf(call.node, call.attrs.integer("axis", 1), call.shape(sample).length) });
}

export function flatten(call: Call): void {
  const x = call.activation(0);
  call.emit("Flatten", [x], { axis: axisOf(call.node, call.attrs.integer("axis", 1), call.shape(x).length) });
}

export function reshape(call: Call): void {
  const x = call.activation(0);
  const shape = call.shape(x);
  call.attrs.only("allowzero", 0);
  const wanted = Array.from(required(call, 1, "shape").data, (d, axis) => d === 0 ? shape[axis] : d);
  const [first, ...rest] = wanted;
  const known = rest.reduce<number>((size, d) => d === -1 ? size : size * Number(d), 1);
  const inferred = rest.map((d) => d === -1 ? sampleSize(shape) / known : d);
  const isBatch = first === "N" || (first !== undefined && first === call.fixedBatch) ||
    (first === -1 && known === sampleSize(shape));
  if (!isBatch || !inferred.every((d) => Number.isInteger(d))) {
    throw call.fail(`can't give [${shape}] the shape [${wanted}]: the batch has to stay the first dimension`);
  }
  toShape(call, x, inferred);
}

export function squeeze(call: Call): void {
  const x = call.activation(0);
  const shape = call.shape(x);
  const axes = axesOf(call, call.constant(1), shape.length, 13);
  if (axes?.some((axis) => shape[axis] !== 1)) throw call.fail(`can't take the axes [${axes}] off [${shape}]`);
  toShape(call, x, shape.slice(1).filter((d, i) => axes ? !axes.includes(i + 1) : d !== 1));
}

export function unsqueeze(call: Call): void {
  const x = call.activation(0);
  const shape = call.shape(x);
  const given = call.opset < 13 ? call.attrs.integers("axes") : integersOf(call.node, required(call, 1, "axes"));
  const rank = shape.length + (given?.length ?? 0);
  if (!given || rank > 8) throw call.fail("axes are missing, or too many");
  const axes = given.map((axis) => axisOf(call.node, axis, rank));
  if (axes.includes(0)) throw call.fail("axis 0 is the batch, which has to stay the first dimension");
  const rest = [...shape];
  toShape(call, x, Array.from({ length: rank }, (_, axis) => axes.includes(axis) ? 1 : rest.shift()!).slice(1));
}

/** Flatten where one dimension is left beside the batch: what pruning sees through. */
function toShape(call: Call, x: string, rest: readonly Dim[]): void {
  if (rest.length === 1) call.emit("Flatten", [x], { axis: 1 });
  else call.emit("Reshape", [x], { shape: [0, ...rest as number[]] });
}

export function transpose(call: Call): void {
  const x = call.activation(0);
  const perm = call.attrs.integers("perm") ?? call.shape(x).map((_, axis, all) => all.length - 1 - axis);
  call.emit("Transpose", [x], { perm });
}

export function slice(call: Call): void {
  const x = call.activation(0);
  // PyTorch writes the largest int64 for "to the end"; what is far outside of any axis may as well be nearer.
  const near = (list: readonly number[]) => list.map((v) => Math.min(Math.max(v, -(2 ** 31)), 2 ** 31));
  const [starts, ends] = [1, 2].map((i) => near(integersOf(call.node, required(call, i, "range"))));
  const [axes, steps] = [3, 4].map((i) => {
    const constant = call.constant(i);
    return constant && integersOf(call.node, constant);
  });
  const attrs: Record<string, readonly number[]> = { starts, ends };
  attrs.axes = (axes ?? starts.map((_, i) => i)).map((axis) => axisOf(call.node, axis, call.shape(x).length));
  attrs.steps = steps ?? starts.map(() => 1);
  call.emit("Slice", [x], attrs);
}

export function pad(call: Call): void {
  const x = call.activation(0);
  const rank = call.shape(x).length;
  const mode = call.attrs.text("mode", "constant");
  const value = Array.from(call.constant(2)?.data ?? [0]);
  if (mode !== "constant" || value.some((v) => v !== 0)) {
    throw call.fail(`attribute mode "${mode}" with the value ${value} isn't supported, expected constant zeros`);
  }
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
  call.emit("Pad", [x], { pads });
}

export function gather(call: Call): void {
  const x = call.activation(0);
  const shape = call.shape(x);
  const at = required(call, 1, "indices");
  const axis = axisOf(call.node, call.attrs.integer("axis", 0), shape.length);
  if (axis !== 1 || at.shape.length !== 1) {
    throw call.fail(`attribute axis ${axis} with indices of rank ${at.shape.length} isn't supported, expected 1 and 1`);
  }
  const indices = integersOf(call.node, at).map((i) => i < 0 ? i + (shape[1] as number) : i);
  call.emit("Gather", [x], { axis: 1, indices });
}
