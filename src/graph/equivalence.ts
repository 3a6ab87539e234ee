/** Proof that a rewrite kept the function: the same inputs through both networks, on the device. */
import "../disposable.ts";
import { UserError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { withRounding } from "../tensor/ops/launch.ts";
import { Tape } from "../tensor/tape.ts";
import { elements, readTensors, Tensor } from "../tensor/tensor.ts";
import { compareOutputs, type Difference, tolerance } from "./compare.ts";
import { executeOutputs } from "./execute.ts";
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

/** Numbers of a network's only input, [N, …] row-major, or of each of several by its name. */
export type InputNumbers = Float32Array | Readonly<Record<string, Float32Array>>;

/** One forward pass through the fused plan, read back: the first output, [N, …] row-major. */
export async function runPlan(gpu: Gpu, model: Model, inputs: InputNumbers, batch: number): Promise<Float32Array> {
  return (await planOutputs(gpu, model, inputs, batch))[0];
}

/** The same through the unfused interpreter, in evaluation mode. */
export async function runInterpreter(
  gpu: Gpu,
  model: Model,
  inputs: InputNumbers,
  batch: number,
): Promise<Float32Array> {
  return (await interpreterOutputs(gpu, model, inputs, batch))[0];
}

/** All outputs of one forward pass through the fused plan, in the graph's order, by kernels that round as plain sums do. */
export async function planOutputs(
  gpu: Gpu,
  model: Model,
  inputs: InputNumbers,
  batch: number,
): Promise<Float32Array[]> {
  const plan = compilePlan(gpu, model, batch, { exact: true });
  try {
    using held = new DisposableStack();
    plan.run(Object.fromEntries(tensorsOf(gpu, model, inputs, batch).map(([name, x]) => [name, held.use(x)])));
    return await readTensors([...plan.outputs.values()]);
  } finally {
    plan.dispose();
  }
}

async function interpreterOutputs(
  gpu: Gpu,
  model: Model,
  inputs: InputNumbers,
  batch: number,
): Promise<Float32Array[]> {
  using tape = new Tape(gpu, "eval");
  const params = new Map<string, Tensor>();
  for (const [name, { shape, data }] of model.params) params.set(name, tape.own(Tensor.from(gpu, data, shape)));
  const given = tensorsOf(gpu, model, inputs, batch).map(([name, x]) => [name, tape.own(x)] as const);
  const outputs = withRounding(
    gpu,
    { exact: true },
    () => executeOutputs(tape, model.graph, params, Object.fromEntries(given)),
  );
  return await readTensors(outputs);
}

function tensorsOf(gpu: Gpu, { graph }: Model, inputs: InputNumbers, batch: number): (readonly [string, Tensor])[] {
  return graph.inputs.map(({ name, shape }) =>
    [name, Tensor.from(gpu, numbersOf(inputs, name), concrete(shape, batch))] as const
  );
}

function numbersOf(inputs: InputNumbers, name: string): Float32Array<ArrayBuffer> {
  return (inputs instanceof Float32Array ? inputs : inputs[name]) as Float32Array<ArrayBuffer>;
}

/** How far the fused plan is from a float64 forward pass on the host, over all outputs. Takes at least one input. */
export async function compareWithReference(
  gpu: Gpu,
  model: Model,
  inputs: InputNumbers,
  batch: number,
): Promise<Difference> {
  const { graph } = model;
  requireInputs(model, inputs, batch);
  const given = graph.inputs.map(({ name, shape }) =>
    [name, { shape: concrete(shape, batch), data: numbersOf(inputs, name) }] as const
  );
  const exact = referenceForward(model, Object.fromEntries(given));
  return worstOf(graph.outputs.map((name) => exact.get(name)!.data), await planOutputs(gpu, model, inputs, batch));
}

/** The difference of the outputs that are the furthest apart. */
function worstOf(
  expected: readonly (Float32Array | Float64Array)[],
  got: readonly (Float32Array | Float64Array)[],
): Difference {
  return expected.map((output, i) => compareOutputs(output, got[i]))
    .reduce((worst, difference) => difference.maxRel > worst.maxRel ? difference : worst);
}

/**
 * Runs `inputs` ([batch, …] row-major, at least one) through both networks, fused and unfused, and gives the largest
 * differences over all outputs.
 * @throws EquivalenceError where max|Δ| / max|y| exceeds 1e-5 (1e-4 above 20 layers)
 * @throws UserError where `before` itself gives numbers that aren't finite, or that rounding alone moves by more
 */
export async function assertEquivalent(
  gpu: Gpu,
  before: Model,
  after: Model,
  inputs: InputNumbers,
  batch: number,
): Promise<Equivalence> {
  requireInputs(before, inputs, batch);
  const limit = Math.max(tolerance(before.graph), tolerance(after.graph));
  const expected = await planOutputs(gpu, before, inputs, batch);
  let worst = await requireSteady(gpu, before, expected, inputs, batch, limit);
  const comparisons: [string, Float32Array[]][] = [
    ["fused", await planOutputs(gpu, after, inputs, batch)],
    ["unfused", await interpreterOutputs(gpu, after, inputs, batch)],
  ];
  for (const [how, got] of comparisons) {
    const difference = worstOf(expected, got);
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
function requireInputs({ graph }: Model, inputs: InputNumbers, batch: number): void {
  if (inputs instanceof Float32Array && graph.inputs.length > 1) {
    const names = graph.inputs.map(({ name }) => `"${name}"`).join(", ");
    throw new UserError(`proof of "${graph.name}": it has the inputs ${names}: give each of them by its name`);
  }
  for (const { name, shape } of graph.inputs) {
    const given = numbersOf(inputs, name)?.length ?? 0;
    const expected = elements(concrete(shape, Math.max(1, batch)));
    if (batch >= 1 && given === expected) continue;
    throw new UserError(
      `proof of "${graph.name}": got ${given} numbers as ${batch} inputs, expected at least one input, of ` +
        `[${shape.slice(1)}]: a comparison of nothing proves nothing`,
    );
  }
}

/**
 * How far a network's fused plan is from its own interpreter. Where that is more than any rewrite may change, a
 * difference after the rewrite says nothing about the rewrite.
 */
async function requireSteady(
  gpu: Gpu,
  model: Model,
  fused: readonly Float32Array[],
  inputs: InputNumbers,
  batch: number,
  limit: number,
): Promise<Difference> {
  const name = `"${model.graph.name}"`;
  if (!fused.every((output) => output.every(Number.isFinite))) {
    throw new UserError(
      `${name} gives numbers that aren't finite (NaN or infinite), so nothing can be proved of it: its weights hold such ` +
        `numbers, or are so large that sums overflow; train it anew, at a lower learning rate`,
    );
  }
  const difference = worstOf(fused, await interpreterOutputs(gpu, model, inputs, batch));
  if (difference.maxRel <= limit) return difference;
  throw new UserError(
    `${name} is so sensitive to rounding that nothing can be proved of it: the same weights, summed in another order, ` +
      `move its outputs by ${difference.maxRel.toExponential(2)} of the largest, and at most ${limit} is usual; its ` +
      `weights differ too much in size: train it with weight decay, or at a lower learning rate`,
  );
}
