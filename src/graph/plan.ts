/**
 * A network compiled for inference at one batch size: batch norms folded, residual adds and activations inside the
 * layers' kernels, weights packed once, every buffer allocated once and reused as soon as its last reader is done.
 */
import "../disposable.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { type Rounding, tuningFor, withRounding } from "../tensor/ops/launch.ts";
import { Tape } from "../tensor/tape.ts";
import { elements, Tensor } from "../tensor/tensor.ts";
import { UserError } from "../errors.ts";
import { type GivenInputs, namedInputs } from "./execute.ts";
import { foldForInference } from "./fold.ts";
import { fuse, type FusedStep, readsOf } from "./fuse.ts";
import { inferShapes } from "./infer.ts";
import { concrete } from "./shapes.ts";
import { createMemory, type Memory, uploadOnDemand } from "./plan_memory.ts";
import { type Launch, planStep, type Values } from "./plan_steps.ts";
import {
  copyOut,
  type DtypeOf,
  dtypeOf,
  hasHalves,
  type PlanStorage,
  type Products,
  WITHOUT_HALVES,
} from "./plan_storage.ts";
import type { Graph, Model } from "./types.ts";

/** A network compiled for one batch size. It holds buffers on the device until `dispose`. */
export interface InferencePlan {
  /** Samples of a run. */
  readonly batch: number;
  /** The first output. Overwritten by each run. */
  readonly output: Tensor;
  /** All outputs by name. Overwritten by each run. */
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** How many kernels-worth of nodes were left after fusing. */
  readonly steps: readonly FusedStep[];
  /**
   * How much of the outputs may be rounding beyond that of plain sums: what Winograd's ways, and products in f16, may add in
   * each layer that goes by them, over that layer's largest output, added up. 0 where none does.
   */
  readonly error: number;
  /** Records one forward pass and gives the first output. Inputs have the graph's shapes at this batch. */
  run(input: GivenInputs): Tensor;
  /** Records one pass and gives its steps, each to be recorded again alone: to time them. For as long as the plan lives. */
  parts(input: GivenInputs): PlanPart[];
  /** Gives its buffers back. Runs that were recorded before still end. */
  dispose(): void;
}

/** A step over the buffers that it has in a pass. Later steps may use their storage again: only its time means anything. */
export interface PlanPart {
  /** What it does. */
  readonly step: FusedStep;
  /** 0 for a step that only sees its input in another shape. */
  readonly dispatches: number;
  /** Records it once. */
  readonly record: () => void;
}

/** How a plan computes. */
export interface PlanOptions {
  /**
   * "f16" keeps weights and what goes from step to step in 16 bits, on devices with the feature shader-f16; everything is
   * computed in 32, and inputs and outputs have 32. Numbers beyond ±65504 don't fit. By default "f32".
   */
  readonly storage?: PlanStorage;
  /**
   * "f16" multiplies numbers that are kept in f16 in f16 where a kernel can (convolutions and matrix products on GPUs), and
   * adds up eight products at a time before they are added in f32; sums of eight must fit into f16 then. Only some devices
   * are faster for it: `fasterProducts` finds out. Plans that are `exact` multiply in f32. By default "f32".
   */
  readonly products?: Products;
  /**
   * Kernels that round further than plain sums do (Winograd's, on GPUs) aren't taken: proofs ask for that. By default
   * `false`.
   */
  readonly exact?: boolean;
}

/**
 * Compiles `model`. Parameters are uploaded; the plan keeps nothing of the model.
 *
 * @throws DeviceLimitError where the device can't hold or bind what this batch needs. A failed compilation gives its
 * memory back at once.
 * @throws UserError for f16 on a device without shader-f16
 */
export function compilePlan(gpu: Gpu, model: Model, batch: number, options: PlanOptions = {}): InferencePlan {
  const { storage = "f32", products = "f32", exact = false } = options;
  if (storage === "f16" && !hasHalves(gpu)) throw new UserError(`f16: ${WITHOUT_HALVES}`);
  const memory = createMemory(gpu);
  try {
    const compile = () => compileInto(memory, gpu, model, batch, storage);
    const rounding: Rounding = {
      ...exact && { exact },
      ...storage === "f16" && products === "f16" && { products },
    };
    return withRounding(gpu, rounding, compile);
  } catch (error) {
    memory.dispose();
    gpu.trim();
    throw error;
  }
}

function compileInto(memory: Memory, gpu: Gpu, model: Model, batch: number, storage: PlanStorage): InferencePlan {
  const { graph, params } = foldForInference(model).model;
  const shapes = inferShapes(graph);
  const steps = fuse(graph, { gelu: tuningFor(gpu).profile.waves !== undefined });
  const weights = uploadOnDemand(gpu, params, memory);
  const inputShapes = new Map(graph.inputs.map(({ name, shape }) => [name, concrete(shape, batch)]));
  const made = (step: FusedStep) => concrete(shapes.get(step.output)!, batch);
  const reads = ({ node }: FusedStep) =>
    node.inputs.map((name) => concrete(shapes.get(name) ?? graph.params[name].shape, batch));
  const place = { gpu, graph, weights, memory, storage };
  const launches = steps.map((step) => planStep(step, { inputs: reads(step), made: made(step) }, place));

  const dtypes = steps.map((step) => dtypeOf(step, graph, shapes, batch, storage));
  const { allocated, outputs } = assignBuffers(gpu, graph, steps, launches, inputShapes, memory, dtypes);
  const output = outputs.get(graph.outputs[0])!;
  gpu.note(() => {
    const [from, to] = [inputShapes.values(), outputs.values().map(({ shape }) => shape)]
      .map((shapes) => shapes.map((shape) => `[${shape}]`).toArray().join(", "));
    return `inference plan: ${from} to ${to} in ${steps.length} steps${storage === "f16" ? ", kept in f16" : ""}`;
  });

  /** Views that parts read, until the plan goes. */
  const held: Tape[] = [];

  function record(i: number, values: Values): Tape {
    let next = 0;
    const tape = new Tape(gpu, "eval", () => allocated[i][next++]);
    launches[i](values, tape);
    return tape;
  }

  /** All steps; `seen` hears of each when it has been recorded. */
  function replay(input: GivenInputs, seen: (i: number) => void = () => {}): { values: Values; tapes: Tape[] } {
    const values: Values = new Map(namedInputs(graph, input));
    for (const [name, shape] of inputShapes) {
      const given = values.get(name)!;
      if (given.size !== elements(shape)) throw new RangeError(`the plan takes [${shape}], got [${given.shape}]`);
    }
    const tapes = steps.map((_, i) => {
      const tape = record(i, values);
      seen(i);
      return tape;
    });
    for (const [name, output] of outputs) {
      const result = values.get(name)!;
      if (result.buffer !== output.buffer) copyOut(gpu, result, output);
    }
    return { values, tapes };
  }

  return {
    batch,
    output,
    outputs,
    steps,
    error: launches.reduce((sum, { error = 0 }) => sum + error, 0),
    run(input) {
      for (const tape of replay(input).tapes) tape.dispose();
      return output;
    },
    parts(input) {
      const counts = [gpu.stats().dispatches];
      const { values, tapes } = replay(input, () => counts.push(gpu.stats().dispatches));
      held.push(...tapes);
      return steps.map((step, i) => {
        // What a part makes goes into its own map: its views end with it.
        const own = new Map(values);
        return { step, dispatches: counts[i + 1] - counts[i], record: () => record(i, own).dispose() };
      });
    },
    dispose() {
      for (const tape of held) tape.dispose();
      memory.dispose();
    },
  };
}

/** One dry run decides which buffer each step writes; later runs replay the same choice. */
function assignBuffers(
  gpu: Gpu,
  graph: Graph,
  steps: readonly FusedStep[],
  launches: readonly Launch[],
  inputShapes: ReadonlyMap<string, readonly number[]>,
  memory: Memory,
  dtypes: readonly DtypeOf[],
): { allocated: Tensor[][]; outputs: ReadonlyMap<string, Tensor> } {
  const lastUse = new Map<string, number>();
  steps.forEach((step, i) => {
    for (const name of [...readsOf(step), step.output]) lastUse.set(name, i);
  });
  for (const name of graph.outputs) lastUse.set(name, steps.length);
  using inputs = new DisposableStack();
  // The tapes hold views of the plan's buffers, which must go too where a step can't be launched.
  using tapes = new DisposableStack();
  const values: Values = new Map();
  for (const [name, shape] of inputShapes) values.set(name, inputs.use(Tensor.empty(gpu, shape)));
  const given = new Set(values.values().map(({ buffer }) => buffer));
  const allocated = steps.map((step, i) => {
    const tensors: Tensor[] = [];
    const tape = tapes.use(
      new Tape(gpu, "eval", (shape, dtype) => {
        tensors.push(memory.take(shape, dtypes[i](shape, dtype)));
        return tensors[tensors.length - 1];
      }),
    );
    launches[i](values, tape);
    memory.hold(values.get(step.output)!);
    for (const tensor of tensors) memory.recycle(tensor);
    for (const [name, last] of lastUse) {
      const value = values.get(name);
      if (last === i && value) memory.drop(value);
    }
    return tensors;
  });
  const outputs = new Map(graph.outputs.map((name) => {
    const result = values.get(name)!;
    // A net that only reshapes would hand out its input's storage, or what a step has kept in f16.
    const isGiven = given.has(result.buffer) || result.dtype === "f16";
    return [name, memory.keep(isGiven ? Tensor.empty(gpu, result.shape) : result.view(result.shape))];
  }));
  return { allocated, outputs };
}
