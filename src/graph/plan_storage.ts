/** What a plan keeps its numbers in: which of them may have 16 bits, and how they come there and back. */
import { planCast } from "../../kernels/pointwise/inplace.ts";
import type { Launch } from "../../kernels/launch.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { canBeHalf } from "../gpu/half_storage.ts";
import { inFours } from "../tensor/ops/launch.ts";
import type { Tape } from "../tensor/tape.ts";
import type { Dtype, Tensor } from "../tensor/tensor.ts";
import { type FusedStep, readsOf } from "./fuse.ts";
import { concrete, sameShape } from "./shapes.ts";
import type { Graph, Shape } from "./types.ts";

/** What weights and activations are kept in. */
export type PlanStorage = "f32" | "f16";

/** What numbers in f16 are multiplied in; products in f16 are added up in f32, eight at a time. */
export type Products = "f32" | "f16";

/** True where plans can keep numbers in f16. */
export function hasHalves(gpu: Gpu): boolean {
  return gpu.features.has("shader-f16");
}

/** Told where f16 is asked for and there is none. */
export const WITHOUT_HALVES = "this device doesn't offer shader-f16: its plans keep their numbers in f32";

/** What a tensor of this shape, which a step asks for, is kept in. */
export type DtypeOf = (shape: readonly number[], dtype: Dtype) => Dtype;

/**
 * What a step makes for the next one may have 16 bits; what it needs by itself, and what leaves the plan, stays f32. So do sums of
 * tokens: a transformer's blocks all add to one of them, and what is rounded there is carried through all of them.
 */
export function dtypeOf(
  step: FusedStep,
  graph: Graph,
  shapes: ReadonlyMap<string, Shape>,
  batch: number,
  storage: PlanStorage,
): DtypeOf {
  if (storage === "f32") return (_shape, dtype) => dtype;
  const { output, residual } = step;
  const shapeOf = (name: string) => concrete(shapes.get(name)!, batch);
  const made = shapeOf(output);
  const alike = readsOf(step).filter((name) => shapes.has(name) && sameShape(shapeOf(name), made));
  const tokenSum = made.length === 3 && (residual !== undefined || alike.length > 1);
  const kept = graph.outputs.includes(output) || tokenSum;
  return (shape, dtype) => !kept && dtype === "f32" && sameShape(shape, made) ? "f16" : dtype;
}

/** Tells of an operand whether all of a launch's kernels can read and write it in f16, and none binds windows of it. */
export function halvable({ prepare = [], steps }: Launch): (name: string) => boolean {
  const all = [...prepare, ...steps];
  return (name) =>
    all.every(({ plan: { program }, bindings, windows = {} }) =>
      bindings.every((bound, place) => bound !== name || (!(place in windows) && canBeHalf(program, place)))
    );
}

/** Copies between f32 and f16. */
export function cast(gpu: Gpu, from: Tensor, to: Tensor, label: string): void {
  gpu.run(planCast(from.size), [inFours(from), inFours(to)], label);
}

/** The same numbers in f32, in a tensor of the tape's. */
export function widened(gpu: Gpu, value: Tensor, tape: Tape, label: string): Tensor {
  const wide = tape.empty([value.size]);
  cast(gpu, value, wide, label);
  return wide;
}

/** Copies a step's result to where a plan gives it out, in f32. */
export function copyOut(gpu: Gpu, result: Tensor, output: Tensor): void {
  if (result.dtype === "f16") cast(gpu, result, output, "output");
  else gpu.copy(result, output);
}
