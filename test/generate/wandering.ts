/**
 * Random files in which the batch wanders: it is transposed, shares an axis with others and leaves it again, while numbers are
 * computed, and is first in the end. Whether a file can be read is for the import to say; what is read has to be right.
 */
import type { OnnxModel } from "../../src/formats/onnx/types.ts";
import { tracer } from "../formats/onnx-exports.ts";
import { type Dice, dice } from "./dice.ts";

/** Axes in the file, each a list of parts that share it: sizes, or the batch. */
type Axes = readonly (readonly Part[])[];
type Part = number | "batch";

interface Walk {
  readonly t: ReturnType<typeof tracer>;
  readonly d: Dice;
  /** What stands in shapes for the batch: a number where the file has a fixed one. */
  readonly batch: number | "batch";
  value: string;
  axes: Axes;
}

/** @param batch a number for a file with a fixed batch */
export function wandering(seed: number, batch: number | "batch"): OnnxModel {
  const d = dice(seed, "wandering");
  const t = tracer("by fan-in");
  const walk: Walk = { t, d, batch, value: "input", axes: [["batch"], [d.between(2, 4)], [d.between(2, 4) * 2]] };
  const input = [batch, ...walk.axes.slice(1).map(([size]) => size as number)];
  for (let steps = d.between(4, 9); steps > 0; steps--) d.pick(STEPS)(walk);
  // Apart again, and the batch first.
  const parts = walk.axes.flat();
  reshaped(walk, parts.map((part) => [part]));
  const at = parts.indexOf("batch");
  transposed(walk, [at, ...parts.map((_, i) => i).filter((i) => i !== at)]);
  return t.done(walk.value, input, 17);
}

const STEPS: readonly ((walk: Walk) => void)[] = [
  (walk) => transposed(walk, walk.d.order(walk.axes.length)),
  (walk) => transposed(walk, walk.d.order(walk.axes.length)),
  joined,
  joined,
  taken,
  split,
  number,
  beside,
  projected,
  normed,
  paired,
  sliced,
  picked,
  widened,
  averaged,
];

function sizeOf(parts: readonly Part[], batch: number): number {
  return parts.reduce<number>((size, part) => size * (part === "batch" ? batch : part), 1);
}

function reshaped(walk: Walk, axes: Axes): void {
  const { t, batch } = walk;
  if (batch !== "batch") {
    walk.value = t.op("Reshape", [walk.value, t.integers(...axes.map((parts) => sizeOf(parts, batch)))]);
  } else {
    const samples = t.size("input", 0);
    const sizes = axes.map((parts) => {
      const rest = sizeOf(parts.filter((part) => part !== "batch"), 1);
      return parts.includes("batch") ? rest === 1 ? samples : t.op("Mul", [samples, t.integer(rest)]) : rest;
    });
    walk.value = t.op("Reshape", [walk.value, t.sizes(...sizes)]);
  }
  walk.axes = axes;
}

function transposed(walk: Walk, perm: readonly number[]): void {
  walk.value = walk.t.op("Transpose", [walk.value], { perm: [...perm] });
  walk.axes = perm.map((axis) => walk.axes[axis]);
}

/** Two neighbouring axes become one. */
function joined(walk: Walk): void {
  const { axes, d } = walk;
  if (axes.length < 3) return;
  const at = d.between(0, axes.length - 2);
  reshaped(walk, [...axes.slice(0, at), [...axes[at], ...axes[at + 1]], ...axes.slice(at + 2)]);
}

/** What shares an axis gets axes of its own. */
function taken(walk: Walk): void {
  const at = walk.axes.findIndex((parts) => parts.length > 1);
  if (at < 0 || walk.axes.length > 4) return;
  reshaped(walk, [...walk.axes.slice(0, at), ...walk.axes[at].map((part) => [part]), ...walk.axes.slice(at + 1)]);
}

/** An even size becomes two. */
function split(walk: Walk): void {
  const { axes } = walk;
  const at = axes.findIndex(([part, ...more]) => more.length === 0 && part !== "batch" && part % 2 === 0 && part > 2);
  if (at < 0 || axes.length > 4) return;
  reshaped(walk, [...axes.slice(0, at), [2], [axes[at][0] as number / 2], ...axes.slice(at + 1)]);
}

function number(walk: Walk): void {
  walk.value = walk.t.op(walk.d.pick(["Relu", "Sigmoid", "Tanh", "Abs", "Neg"]), [walk.value]);
}

/** A constant with numbers along some axes that don't hold the batch. */
function beside(walk: Walk): void {
  const { t, d, axes } = walk;
  const shape = axes.map((parts) => parts.includes("batch") || d.chance(0.4) ? 1 : sizeOf(parts, 1));
  walk.value = t.op(d.pick(["Add", "Mul"]), [walk.value, t.weight(`constant${walk.value}`, ...shape)]);
}

function projected(walk: Walk): void {
  const { t, d, axes } = walk;
  const last = axes[axes.length - 1];
  if (last.includes("batch")) return;
  const out = d.between(1, 3) * 2;
  walk.value = t.op("MatMul", [walk.value, t.weight(`matrix${walk.value}`, sizeOf(last, 1), out)]);
  walk.axes = [...axes.slice(0, -1), [out]];
}

function normed(walk: Walk): void {
  if (!walk.axes[walk.axes.length - 1].includes("batch")) walk.value = walk.t.op("Softmax", [walk.value], { axis: -1 });
}

/** The product with itself, the last two axes exchanged. */
function paired(walk: Walk): void {
  const { t, axes } = walk;
  if (axes.length < 3 || axes.slice(-2).flat().includes("batch")) return;
  const perm = axes.map((_, i) => i === axes.length - 1 ? i - 1 : i === axes.length - 2 ? i + 1 : i);
  walk.value = t.op("MatMul", [walk.value, t.op("Transpose", [walk.value], { perm })]);
  walk.axes = [...axes.slice(0, -1), axes[axes.length - 2]];
}

/** An axis that doesn't hold the batch; undefined where there is none. */
function ownAxis({ axes, d }: Walk): number | undefined {
  const own = axes.flatMap((parts, axis) => parts.includes("batch") ? [] : [axis]);
  return own.length === 0 ? undefined : d.pick(own);
}

function sliced(walk: Walk): void {
  const { t, d, axes } = walk;
  const axis = ownAxis(walk);
  if (axis === undefined) return;
  const size = sizeOf(axes[axis], 1);
  const start = d.between(0, size - 1);
  const step = d.between(1, 2);
  const lists = [start, 2 ** 31, axis, step].map((value) => t.integers(value));
  walk.value = t.op("Slice", [walk.value, ...lists]);
  walk.axes = axes.with(axis, [Math.ceil((size - start) / step)]);
}

/** One index of an axis, which goes. */
function picked(walk: Walk): void {
  const { t, d, axes } = walk;
  const axis = ownAxis(walk);
  if (axis === undefined || axes.length < 3) return;
  walk.value = t.op("Gather", [walk.value, t.integer(d.between(0, sizeOf(axes[axis], 1) - 1))], { axis });
  walk.axes = axes.filter((_, i) => i !== axis);
}

function widened(walk: Walk): void {
  const { t, d, axes } = walk;
  if (axes.length > 4) return;
  const axis = d.between(0, axes.length);
  walk.value = t.op("Unsqueeze", [walk.value, t.integers(axis)]);
  walk.axes = [...axes.slice(0, axis), [1], ...axes.slice(axis)];
}

function averaged(walk: Walk): void {
  const { t, d, axes } = walk;
  const axis = ownAxis(walk);
  if (axis === undefined || axes.length < 3) return;
  const keepdims = d.between(0, 1);
  walk.value = t.op("ReduceMean", [walk.value], { axes: [axis - (d.chance(0.5) ? axes.length : 0)], keepdims });
  walk.axes = keepdims === 1 ? axes.with(axis, [1]) : axes.filter((_, i) => i !== axis);
}
