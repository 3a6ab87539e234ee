/** Proof that a rewrite kept the function: the same inputs through both networks, on the device. */
import type { Gpu } from "../gpu/gpu.ts";
import { Tape } from "../tensor/tape.ts";
import { readTensors, Tensor } from "../tensor/tensor.ts";
import { compareOutputs, type Difference, tolerance } from "./compare.ts";
import { execute } from "./execute.ts";
import { concrete } from "./infer.ts";
import { compilePlan } from "./plan.ts";
import { referenceForward } from "./reference/forward.ts";
import type { Model } from "./types.ts";

/** A rewrite changed what a network computes: a fault of ours, never of the user's. */
export class EquivalenceError extends Error {
  override readonly name = "EquivalenceError";
}

export interface Equivalence extends Difference {
  /** How many inputs went through both. */
  readonly inputs: number;
}

/** One forward pass through the fused plan, read back: [N, …] row-major. */
export async function runPlan(gpu: Gpu, model: Model, inputs: Float32Array, batch: number): Promise<Float32Array> {
  const plan = compilePlan(gpu, model, batch);
  try {
    using x = Tensor.from(gpu, inputs, concrete(model.graph.inputs[0].shape, batch));
    return await plan.run(x).read();
  } finally {
    plan.dispose();
  }
}

/** The same through the unfused interpreter, in evaluation mode. */
export async function runInterpreter(
  gpu: Gpu,
  model: Model,
  inputs: Float32Array,
  batch: number,
): Promise<Float32Array> {
  using tape = new Tape(gpu, "eval");
  const params = new Map<string, Tensor>();
  for (const [name, { shape, data }] of model.params) params.set(name, tape.own(Tensor.from(gpu, data, shape)));
  const x = tape.own(Tensor.from(gpu, inputs, concrete(model.graph.inputs[0].shape, batch)));
  const [y] = await readTensors([execute(tape, model.graph, params, x)]);
  return y;
}

/** How far the fused plan is from a float64 forward pass on the host. */
export async function compareWithReference(
  gpu: Gpu,
  model: Model,
  inputs: Float32Array,
  batch: number,
): Promise<Difference> {
  const [{ name, shape }] = model.graph.inputs;
  const exact = referenceForward(model, { [name]: { shape: concrete(shape, batch), data: inputs } });
  return compareOutputs(exact.get(model.graph.outputs[0])!.data, await runPlan(gpu, model, inputs, batch));
}

/**
 * Runs `inputs` ([batch, …] row-major) through both networks, fused and unfused, and gives the largest differences.
 * Throws EquivalenceError where max|Δ| / max|y| exceeds 1e-5 (1e-4 above 20 layers).
 */
export async function assertEquivalent(
  gpu: Gpu,
  before: Model,
  after: Model,
  inputs: Float32Array,
  batch: number,
): Promise<Equivalence> {
  const limit = Math.max(tolerance(before.graph), tolerance(after.graph));
  const expected = await runPlan(gpu, before, inputs, batch);
  const comparisons: [string, Float32Array][] = [
    ["fused", await runPlan(gpu, after, inputs, batch)],
    ["unfused", await runInterpreter(gpu, after, inputs, batch)],
    ["unfused before", await runInterpreter(gpu, before, inputs, batch)],
  ];
  let worst: Difference = { maxAbs: 0, maxRel: 0 };
  for (const [how, got] of comparisons) {
    const difference = compareOutputs(expected, got);
    if (!(difference.maxRel <= limit)) {
      throw new EquivalenceError(
        `"${after.graph.name}" (${how}) differs from "${before.graph.name}" by ${difference.maxRel.toExponential(2)} ` +
          `of its largest output on ${batch} inputs; at most ${limit} is rounding`,
      );
    }
    if (difference.maxRel > worst.maxRel) worst = difference;
  }
  return { ...worst, inputs: batch };
}
