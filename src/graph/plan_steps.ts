/** How each step of a compiled plan is recorded: layers through their fused kernels, everything else as the interpreter does it. */
import { planAttention } from "../../kernels/attention/attention.ts";
import type { Launch as KernelLaunch } from "../../kernels/launch.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { convOutputShape } from "../tensor/ops/conv.ts";
import { channelLayerNorm } from "../tensor/ops/group_norm.ts";
import { launch, tuningFor } from "../tensor/ops/launch.ts";
import type { Tape } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { layerNormAttrs } from "./attrs.ts";
import { planChain } from "./chain.ts";
import { type Chain, type FusedStep, layerOf } from "./fuse.ts";
import type { Heads } from "./heads.ts";
import { type LayerShape, planLayer } from "./layer.ts";
import { opOf } from "./ops/ops.ts";
import type { Memory, Weights } from "./plan_memory.ts";
import { cast, halvable, type PlanStorage, widened } from "./plan_storage.ts";
import type { Graph } from "./types.ts";

/** What steps have made so far, by name. */
export type Values = Map<string, Tensor>;

/** Records one step: reads and sets `values`, takes its output from the tape. */
export interface Launch {
  (values: Values, tape: Tape): void;
  /** As kernels say of theirs. */
  readonly error?: number;
}

/** Shapes of what a step reads and makes at the plan's batch. */
export interface StepShapes {
  readonly inputs: number[][];
  readonly made: readonly number[];
}

/** Where a plan's steps are planned. */
export interface PlanPlace {
  readonly gpu: Gpu;
  readonly graph: Graph;
  readonly weights: Weights;
  readonly memory: Memory;
  readonly storage: PlanStorage;
}

/** Plans one step: its kernels are chosen, and what depends on the weights alone is done. */
export function planStep(step: FusedStep, { inputs, made }: StepShapes, place: PlanPlace): Launch {
  const { gpu, graph, weights } = place;
  const { node, output, over, heads, chain } = step;
  if (over !== undefined) return channelNormLauncher(gpu, step, over, made, weights);
  if (heads) return headsLauncher(gpu, step, heads, inputs, made);
  if (chain) return chainLauncher(step, chain, inputs[0], place);
  const layer = layerShape(graph, step, inputs);
  if (layer) return layerLauncher(step, layer, inputs, place);
  return (values, tape) => {
    const given = node.inputs.map((name) => values.get(name) ?? weights.tensor(name));
    values.set(output, opOf(node).execute({ tape }, node, given));
  };
}

function layerLauncher(
  { node, bias, residual, output }: FusedStep,
  layer: LayerShape,
  inputs: number[][],
  { gpu, weights, memory, storage }: PlanPlace,
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
  { node, output }: FusedStep,
  chain: Chain,
  shape: readonly number[],
  { gpu, weights, memory }: PlanPlace,
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
