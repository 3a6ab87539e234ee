import { type Launch, type Step, type Tuning, UNTUNED } from "../../../kernels/gemm/steps.ts";
import type { Gpu, GpuBuffer, Slice } from "../../gpu/gpu.ts";

export type Operands = Readonly<Record<string, Slice | undefined>>;

/** Records a launch's steps. Scratch that `operands` doesn't hold is taken from the pool and given back right away. */
export function launch(gpu: Gpu, plan: Launch, operands: Operands, label: string, steps = plan.steps): void {
  const taken: GpuBuffer[] = [];
  const known = new Map<string, Slice>();
  const find = (name: string): Slice => {
    let slice = operands[name] ?? known.get(name);
    if (!slice) {
      if (name in plan.tables) slice = table(gpu, plan.tables[name]);
      else if (name in plan.scratch) {
        const buffer = gpu.alloc(plan.scratch[name], `${label} ${name}`);
        taken.push(buffer);
        slice = { buffer, byteOffset: 0, byteLength: plan.scratch[name] };
      } else throw new Error(`${label}: no operand "${name}"`);
      known.set(name, slice);
    }
    return slice;
  };
  for (const step of steps) runStep(gpu, step, find, label);
  // Commands run in order, so whoever gets these buffers next writes after the steps above have read them.
  for (const buffer of taken) buffer.release();
}

const GPU_TUNING: Tuning = { threads: 8192 };

/** How many threads a launch should have at least: few for a CPU that plays GPU, many for a GPU. */
export function tuningFor(gpu: Gpu): Tuning {
  return gpu.info.fallback ? UNTUNED : GPU_TUNING;
}

function runStep(gpu: Gpu, step: Step, find: (name: string) => Slice, label: string): void {
  gpu.run(step.plan, step.bindings.map((name) => inFours(find(name))), label);
}

/** Kernels bind arrays of vec4: buffers are multiples of 256 bytes and offsets too, so there is room to round up. */
function inFours({ buffer, byteOffset, byteLength }: Slice): Slice {
  return { buffer, byteOffset, byteLength: Math.ceil(byteLength / 16) * 16 };
}

const TABLES_KEPT = 512;
const tables = new WeakMap<Gpu, Map<Uint32Array, Slice>>();

/** A read-only table on the device, uploaded once and kept among the last few hundred used. */
function table(gpu: Gpu, data: Uint32Array<ArrayBuffer>): Slice {
  let kept = tables.get(gpu);
  if (!kept) tables.set(gpu, kept = new Map());
  let slice = kept.get(data);
  if (slice) kept.delete(data);
  else {
    const buffer = gpu.alloc(data.byteLength, "table");
    slice = { buffer, byteOffset: 0, byteLength: data.byteLength };
    gpu.write(slice, data);
    if (kept.size >= TABLES_KEPT) {
      const [oldest, old] = kept.entries().next().value!;
      kept.delete(oldest);
      old.buffer.release();
    }
  }
  kept.set(data, slice);
  return slice;
}

const PLANS_KEPT = 512;

/** `plan` with its last few hundred results kept by the JSON of its arguments: a training step plans nothing anew. */
export function cached<A extends unknown[], L>(plan: (...args: A) => L): (...args: A) => L {
  const kept = new Map<string, L>();
  return (...args) => {
    const key = JSON.stringify(args);
    let found = kept.get(key);
    if (found === undefined) {
      found = plan(...args);
      if (kept.size >= PLANS_KEPT) kept.delete(kept.keys().next().value!);
    } else kept.delete(key);
    kept.set(key, found);
    return found;
  };
}
