/** Proof that a rewrite kept the function: the same inputs through both networks, on the device. */
import { UserError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { Tape } from "../tensor/tape.ts";
import { elements, readTensors, Tensor } from "../tensor/tensor.ts";
import { compareOutputs, type Difference, tolerance } from "./compare.ts";
import { execute } from "./execute.ts";
import { concrete } from "./shapes.ts";
import { compilePlan } from "./plan.ts";
import { referenceForward } from "./reference/forward.ts";
import type { Model } from "./types.ts";

/** A rewrite changed what a network computes: a fault of ours, never of the user's. */
export class EquivalenceError extends Error {
  /** The class by name, also after bundling. */
  override readonly name = "EquivalenceError";
}

/** What a proof has found: the largest difference, over all ways of computing both. */
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

/** How far the fused plan is from a float64 forward pass on the host. Takes at least one input. */
export async function compareWithReference(
  gpu: Gpu,
  model: Model,
  inputs: Float32Array,
  batch: number,
): Promise<Difference> {
  requireInputs(model, inputs, batch);
  const [{ name, shape }] = model.graph.inputs;
  const exact = referenceForward(model, { [name]: { shape: concrete(shape, batch), data: inputs } });
  return compareOutputs(exact.get(model.graph.outputs[0])!.data, await runPlan(gpu, model, inputs, batch));
}

/**
 * Runs `inputs` ([batch, …] row-major, at least one) through both networks, fused and unfused, and gives the largest
 * differences.
 * @throws EquivalenceError where max|Δ| / max|y| exceeds 1e-5 (1e-4 above 20 layers)
 * @throws UserError where `before` itself gives numbers that aren't finite, or that rounding alone moves by more
 */
export async function assertEquivalent(
  gpu: Gpu,
  before: Model,
  after: Model,
  inputs: Float32Array,
  batch: number,
): Promise<Equivalence> {
  requireInputs(before, inputs, batch);
  const limit = Math.max(tolerance(before.graph), tolerance(after.graph));
  const expected = await runPlan(gpu, before, inputs, batch);
  let worst = await requireSteady(gpu, before, expected, inputs, batch, limit);
  const comparisons: [string, Float32Array][] = [
    ["fused", await runPlan(gpu, after, inputs, batch)],
    ["unfused", await runInterpreter(gpu, after, inputs, batch)],
  ];
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

/** Whatever a network computes, nothing is proved of it by no inputs. */
function requireInputs({ graph }: Model, inputs: Float32Array, batch: number): void {
  const expected = elements(concrete(graph.inputs[0].shape, Math.max(1, batch)));
  if (batch >= 1 && inputs.length === expected) return;
  throw new UserError(
    `proof of "${graph.name}": got ${inputs.length} numbers as ${batch} inputs, expected at least one input, of ` +
      `[${graph.inputs[0].shape.slice(1)}]: a comparison of nothing proves nothing`,
  );
}

/**
 * How far a network's fused plan is from its own interpreter. Where that is more than any rewrite may change, a
 * difference after the rewrite says nothing about the rewrite.
 */
async function requireSteady(
  gpu: Gpu,
  model: Model,
  fused: Float32Array,
  inputs: Float32Array,
  batch: number,
  limit: number,
): Promise<Difference> {
  const name = `"${model.graph.name}"`;
  if (!fused.every(Number.isFinite)) {
    throw new UserError(
      `${name} gives numbers that aren't finite (NaN or infinite), so nothing can be proved of it: its weights hold such ` +
        `numbers, or are so large that sums overflow; train it anew, at a lower learning rate`,
    );
  }
  const difference = compareOutputs(fused, await runInterpreter(gpu, model, inputs, batch));
  if (difference.maxRel <= limit) return difference;
  throw new UserError(
    `${name} is so sensitive to rounding that nothing can be proved of it: the same weights, summed in another order, ` +
      `move its outputs by ${difference.maxRel.toExponential(2)} of the largest, and at most ${limit} is usual; its ` +
      `weights differ too much in size: train it with weight decay, or at a lower learning rate`,
  );
}
