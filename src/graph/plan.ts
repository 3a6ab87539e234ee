/**
 * A network compiled for inference at one batch size: batch norms folded, residual adds and activations inside the
 * layers' kernels, weights packed once, every buffer allocated once and reused as soon as its last reader is done.
 */
import "../disposable.ts";
import type { Gpu, GpuBuffer } from "../gpu/gpu.ts";
import { planAttention } from "../../kernels/attention/attention.ts";
import type { Launch as KernelLaunch } from "../../kernels/launch.ts";
import { convOutputShape } from "../tensor/ops/conv.ts";
import { launch, type Rounding, tuningFor, withRounding } from "../tensor/ops/launch.ts";
import { Tape } from "../tensor/tape.ts";
import { bytesOf, type Dtype, elements, Tensor } from "../tensor/tensor.ts";
import { channelLayerNorm } from "../tensor/ops/group_norm.ts";
import { UserError } from "../errors.ts";
import { layerNormAttrs } from "./attrs.ts";
import { type GivenInputs, namedInputs } from "./execute.ts";
import { foldForInference } from "./fold.ts";
import { planChain } from "./chain.ts";
import { type Chain, fuse, type FusedStep, layerOf, readsOf } from "./fuse.ts";
import type { Heads } from "./heads.ts";
import { inferShapes } from "./infer.ts";
import { concrete } from "./shapes.ts";
import { type LayerShape, planLayer } from "./layer.ts";
import { opOf } from "./ops/ops.ts";
import {
  cast,
  copyOut,
  type DtypeOf,
  dtypeOf,
  halvable,
  hasHalves,
  type PlanStorage,
  type Products,
  widened,
  WITHOUT_HALVES,
} from "./plan_storage.ts";
import type { Graph, HostTensor, Model, Params } from "./types.ts";

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
   * How much of the outputs may be rounding beyond that of plain sums: what Winograd's ways may add in each layer that goes
   * by them, over that layer's largest output, added up. 0 where none does.
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
   * "f16" multiplies numbers that are kept in f16 in f16 where a kernel can (convolutions on GPUs), and adds up eight
   * products at a time before they are added in f32; sums of eight must fit into f16 then. Only some devices are faster
   * for it: `fasterProducts` finds out. By default "f32".
   */
  readonly products?: Products;
  /**
   * Kernels that round further than plain sums do (Winograd's, on GPUs) aren't taken: proofs ask for that. By default
   * `false`.
   */
  readonly exact?: boolean;
}

type Values = Map<string, Tensor>;
interface Weights {
  host(name: string): HostTensor;
  tensor(name: string, storage?: PlanStorage): Tensor;
}

/** Records one step: reads and sets `values`, takes its output from the tape. */
interface Launch {
  (values: Values, tape: Tape): void;
  /** As kernels say of theirs. */
  readonly error?: number;
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
  const launches = steps.map((step) => {
    const inputs = step.node.inputs.map((name) => concrete(shapes.get(name) ?? graph.params[name].shape, batch));
    const made = concrete(shapes.get(step.output)!, batch);
    if (step.over !== undefined) return channelNormLauncher(gpu, step, step.over, made, weights);
    if (step.heads) return headsLauncher(gpu, step, step.heads, inputs, made);
    return launcher(gpu, step, layerShape(graph, step, inputs), inputs, weights, memory, storage);
  });

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

/** A weight goes to the device when the first kernel asks for it: packed sparse ones never do. */
function uploadOnDemand(gpu: Gpu, params: Params, memory: Memory): Weights {
  const uploaded: Values = new Map();
  return {
    host: (name) => params.get(name)!,
    tensor(name, storage = "f32") {
      const key = `${storage} ${name}`;
      let tensor = uploaded.get(key);
      if (!tensor) {
        const { data, shape } = params.get(name)!;
        const wide = Tensor.from(gpu, data, shape);
        tensor = memory.keep(storage === "f32" ? wide : Tensor.empty(gpu, shape, "f16"));
        if (tensor !== wide) {
          cast(gpu, wide, tensor, name);
          wide.dispose();
        }
        uploaded.set(key, tensor);
      }
      return tensor;
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

/** How to record one step: layers through their fused kernels, everything else as the interpreter does it. */
function launcher(
  gpu: Gpu,
  step: FusedStep,
  layer: LayerShape | undefined,
  inputs: number[][],
  weights: Weights,
  memory: Memory,
  storage: PlanStorage,
): Launch {
  const { node, output, chain } = step;
  if (chain) return chainLauncher(gpu, step, chain, inputs[0], weights, memory);
  if (layer) return layerLauncher(gpu, step, layer, inputs, weights, memory, storage);
  return (values, tape) => {
    const given = node.inputs.map((name) => values.get(name) ?? weights.tensor(name));
    values.set(output, opOf(node).execute({ tape }, node, given));
  };
}

function layerLauncher(
  gpu: Gpu,
  { node, bias, residual, output }: FusedStep,
  layer: LayerShape,
  inputs: number[][],
  weights: Weights,
  memory: Memory,
  storage: PlanStorage,
): Launch {
  const value = (values: Values, name: string) => values.get(name) ?? weights.tensor(name);
  const [x, w] = node.inputs;
  const plan = planLayer(layer, weights.host(w), tuningFor(gpu));
  const { error } = plan;
  const label = `${node.name} [${inputs[1]}]`;
  const halves = halvable(plan);
  const storageOf = (name: string): PlanStorage => storage === "f16" && halves(name) ? "f16" : "f32";
  const fixed = {
    ...tables(),
    ...weightOperands(),
    ...(bias === undefined ? {} : { bias: weights.tensor(bias) }),
  };
  const prepared = prepare();
  // A value in f32 where a kernel can't read it in f16.
  const wideWhereNeeded = (given: Tensor, tape: Tape, ...names: string[]) =>
    given.dtype !== "f16" || names.every(halves) ? given : widened(gpu, given, tape, label);
  const size = layer.kind === "conv"
    ? convOutputShape(layer.conv, inputs[0].length)
    : [...inputs[0].slice(0, -1), layer.n];
  return Object.assign(record, { error });

  function record(values: Values, tape: Tape): void {
    const y = tape.empty(size);
    const given = value(values, x);
    const operands: Record<string, Tensor> = {
      ...scratchOf(plan, tape, prepared),
      ...fixed,
      ...prepared,
      x: wideWhereNeeded(given, tape, "x", "a"),
      y: y.dtype === "f16" && !halves("y") ? tape.empty([y.size]) : y,
    };
    operands.a = operands.x;
    if (residual !== undefined) operands.residual = wideWhereNeeded(value(values, residual), tape, "residual");
    launch(gpu, plan, operands, label);
    if (operands.y !== y) cast(gpu, operands.y, y, label);
    values.set(output, y);
  }

  function tables(): Record<string, Tensor> {
    const entries = Object.entries(plan.tables).filter(([name]) => name !== "w" && name !== "b");
    return Object.fromEntries(
      entries.map(([name, table]) => [name, memory.keep(Tensor.from(gpu, table, [table.length]))]),
    );
  }

  /** The weight by its names in convolutions and products, unless only packed ones are read. */
  function weightOperands(): Record<string, Tensor> {
    const names = [...plan.prepare ?? [], ...plan.steps].flatMap(({ bindings }) => bindings);
    return Object.fromEntries(
      ["w", "b"].filter((name) => names.includes(name)).map((name) => [name, weights.tensor(w, storageOf(name))]),
    );
  }

  /** Runs what depends on the weights only, into buffers that the plan keeps. */
  function prepare(): Record<string, Tensor> {
    const made: Record<string, Tensor> = {};
    for (const { plan: { program }, bindings } of plan.prepare ?? []) {
      for (const [i, name] of bindings.entries()) {
        if (program.access[i] !== "read_write" || name in made) continue;
        // What rounds more than plain sums do may not be rounded once more.
        const dtype = error === undefined ? storageOf(name) : "f32";
        made[name] = memory.keep(Tensor.empty(gpu, [Math.ceil(plan.scratch[name] / 4)], dtype));
      }
    }
    if (plan.prepare) launch(gpu, plan, { ...fixed, ...made }, label, plan.prepare);
    return made;
  }
}

/** How to record a layer norm over the channels of images. */
function channelNormLauncher(
  gpu: Gpu,
  { node, output }: FusedStep,
  over: string,
  made: readonly number[],
  weights: Weights,
): Launch {
  const { epsilon } = layerNormAttrs(node);
  const [gamma, beta] = node.inputs.slice(1).map((name) => weights.tensor(name));
  return (values, tape) => {
    const y = tape.empty(made);
    channelLayerNorm(gpu, values.get(over)!, { gamma, beta }, epsilon, y);
    values.set(output, y);
  };
}

/** How to record an attention whose heads lie within other values. */
function headsLauncher(
  gpu: Gpu,
  { node, output }: FusedStep,
  { inputs, places }: Heads,
  [q, k]: number[][],
  made: readonly number[],
): Launch {
  const { inference } = opOf(node);
  if (inference.kind !== "attention") throw new Error(`"${node.name}" is no attention`);
  const shape = inference.attention(node, q, k);
  const plan = planAttention({ ...shape, places }, tuningFor(gpu));
  return (values, tape) => {
    const y = tape.empty(made);
    const lse = tape.empty([shape.heads, shape.queries]);
    const [q, k, v] = inputs.map((name) => values.get(name)!);
    launch(gpu, plan, { ...scratchOf(plan, tape), q, k, v, lse, y }, `${node.name} [${made}]`);
    values.set(output, y);
  };
}

/** Scratch that only this step needs: other steps use its storage again. */
function scratchOf(
  { scratch }: KernelLaunch,
  tape: Tape,
  prepared: Record<string, Tensor> = {},
): Record<string, Tensor> {
  const own = Object.entries(scratch).filter(([name]) => !(name in prepared));
  return Object.fromEntries(own.map(([name, bytes]) => [name, tape.empty([Math.ceil(bytes / 4)])]));
}

/** How to record what follows a layer in one pass. */
function chainLauncher(
  gpu: Gpu,
  { node, output }: FusedStep,
  chain: Chain,
  shape: readonly number[],
  weights: Weights,
  memory: Memory,
): Launch {
  const { plan, map, affine } = planChain(chain, shape, weights.host);
  const keep = (data?: Float32Array<ArrayBuffer>) => data && memory.keep(Tensor.from(gpu, data, [data.length]));
  const [ownMap, ownAffine] = [keep(map), keep(affine)];
  return (values, tape) => {
    const x = values.get(node.inputs[0])!;
    const y = tape.empty(shape);
    // It stands for what isn't read.
    const any = { buffer: x.buffer, byteOffset: x.byteOffset, byteLength: x.byteLength };
    gpu.run(plan, [x, ownMap ?? any, ownAffine ?? any, y], `${node.name} [${shape}]`);
    values.set(output, y);
  };
}

/** The step as a layer with its epilogue; undefined for anything else. */
function layerShape(
  graph: Graph,
  { node, bias, residual, activation }: FusedStep,
  [x, w]: number[][],
): LayerShape | undefined {
  const layer = layerOf(graph, node);
  if (!layer) return undefined;
  const epilogue = {
    bias: bias === undefined ? "none" : "add",
    residual: residual === undefined ? "none" : "add",
    activation,
  } as const;
  return { ...layer.layer(node, x, w), epilogue };
}

/** The plan's own buffers: kept apart from the pool, since their contents must survive from step to step of a run. */
interface Memory {
  /** Freed with the plan. */
  keep(tensor: Tensor): Tensor;
  take(shape: readonly number[], dtype: Dtype): Tensor;
  /** One more value lies in this tensor's buffer; `drop`: one less. A buffer without values may be taken again. */
  hold(value: Tensor): void;
  drop(value: Tensor): void;
  /** Makes a taken buffer that no value lies in (scratch) free again. */
  recycle(tensor: Tensor): void;
  dispose(): void;
}

function createMemory(gpu: Gpu): Memory {
  const kept: Tensor[] = [];
  const values = new Map<GpuBuffer, number>();
  const free: GpuBuffer[] = [];
  const settle = (buffer: GpuBuffer, change: number) => {
    const count = values.get(buffer);
    // A view of the plan's input lies in a buffer that isn't ours.
    if (count === undefined) return;
    values.set(buffer, count + change);
    if (count + change === 0 && !free.includes(buffer)) free.push(buffer);
  };
  const memory: Memory = {
    keep(tensor) {
      kept.push(tensor);
      return tensor;
    },
    take(shape, dtype) {
      const bytes = Math.max(4, elements(shape) * bytesOf(dtype));
      const fitting = free.filter((buffer) => buffer.bytes >= bytes).sort((a, b) => a.bytes - b.bytes)[0];
      if (fitting) free.splice(free.indexOf(fitting), 1);
      const buffer = fitting?.retain() ?? gpu.alloc(bytes, `activation [${shape}]`);
      if (!values.has(buffer)) values.set(buffer, 0);
      return memory.keep(new Tensor(gpu, buffer, 0, shape, dtype));
    },
    hold: (value) => settle(value.buffer, 1),
    drop: (value) => settle(value.buffer, -1),
    recycle: (tensor) => settle(tensor.buffer, 0),
    dispose() {
      for (const tensor of kept) tensor.dispose();
      kept.length = 0;
    },
  };
  return memory;
}
