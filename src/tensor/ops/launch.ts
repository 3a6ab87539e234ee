import { profileOf } from "../../../kernels/device_profile.ts";
import type { Launch, Step } from "../../../kernels/launch.ts";
import type { Candidate, Choice, Tuning } from "../../../kernels/tuning.ts";
import type { Feature, Program } from "../../gpu/types.ts";
import type { Gpu, GpuBuffer, Slice } from "../../gpu/gpu.ts";
import { usesWorkgroupMemory } from "../../gpu/workgroup_storage.ts";

export type Operands = Readonly<Record<string, Slice | undefined>>;

/** Records a launch's steps. Scratch that `operands` doesn't hold is taken from the pool and given back right away. */
export function launch(gpu: Gpu, plan: Launch, operands: Operands, label: string, steps = plan.steps): void {
  observers.get(gpu)?.(plan, operands);
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

/** This is a class of shapes that was asked for, by its largest shape: the ways to do it and how large operands are. */
export interface Request {
  readonly shapeClass: string;
  readonly candidates: readonly Candidate[];
  /** It holds the bytes of each buffer that isn't the launch's own scratch or table. */
  readonly operands: Readonly<Record<string, number>>;
}

/** A request that was collected from work. */
export interface CountedRequest extends Request {
  /** All shapes of the class took so many launches. */
  readonly launches: number;
}

const observers = new WeakMap<Gpu, (plan: Launch, operands: Operands) => void>();

/** Runs `work` and gives what it asked of the planners and launched, one request for each class of shapes. */
export function collectRequests(gpu: Gpu, work: () => void): CountedRequest[] {
  const tuning = tuningFor(gpu);
  const choices = new Map<Launch, Choice>();
  const found = new Map<string, CountedRequest & { readonly choice: Choice }>();
  setTuning(gpu, { ...tuning, onChoice: (choice) => choices.set(choice.launch, choice) });
  observers.set(gpu, (plan, operands) => {
    const choice = choices.get(plan);
    if (!choice) return;
    const { shapeClass, candidates } = choice;
    const before = found.get(shapeClass);
    const launches = 1 + (before?.launches ?? 0);
    // Another shape of the class has operands of its own; the dearest one is measured for all.
    if (before && before.choice !== choice && leastCost(candidates) <= leastCost(before.candidates)) {
      found.set(shapeClass, { ...before, launches });
      return;
    }
    const sizes: Record<string, number> = before?.choice === choice ? { ...before.operands } : {};
    for (const [name, slice] of Object.entries(operands)) {
      if (slice && !(name in plan.scratch) && !(name in plan.tables)) {
        // Kernels are measured with numbers of four bytes.
        sizes[name] = slice.byteLength * (slice.dtype === "f16" ? 2 : 1);
      }
    }
    found.set(shapeClass, { shapeClass, candidates, operands: sizes, launches, choice });
  });
  try {
    work();
  } finally {
    observers.delete(gpu);
    setTuning(gpu, tuning);
  }
  return Array.from(found.values(), ({ choice: _, ...request }) => request);
}

function leastCost(candidates: readonly Candidate[]): number {
  return Math.min(...candidates.map(({ cost }) => cost));
}

const tunings = new WeakMap<Gpu, Tuning>();

/**
 * Gives what planners are told about this device: the measured tuning that was set for it, else defaults of its kind.
 */
export function tuningFor(gpu: Gpu): Tuning {
  let tuning = tunings.get(gpu);
  if (!tuning) tunings.set(gpu, tuning = defaultTuning(gpu));
  return tuning;
}

const defaults = new WeakMap<Gpu, Tuning>();

/** Gives the profile of the device's kind, and no measured winners. It is the same object for the same device. */
export function defaultTuning(gpu: Gpu): Tuning {
  let tuning = defaults.get(gpu);
  if (!tuning) defaults.set(gpu, tuning = untuned(gpu));
  return tuning;
}

function untuned(gpu: Gpu): Tuning {
  const features: Feature[] = [];
  if (gpu.features.has("shader-f16")) features.push("f16");
  if (gpu.features.has("subgroups")) features.push("subgroups");
  return {
    profile: profileOf(gpu.info),
    features,
    bindingBytes: gpu.bindingBytes,
    ...!gpu.workgroupMemory && { avoids: ({ source }: Program) => usesWorkgroupMemory(source) },
  };
}

/** How kernels may compute; plans of both aren't the same. */
export type Rounding = Pick<Tuning, "exact" | "products">;

const roundings = new WeakMap<Tuning, Map<string, Tuning>>();

/** Does `work`, whose kernels are planned with this rounding: proofs take none that rounds further than plain sums do. */
export function withRounding<T>(gpu: Gpu, rounding: Rounding, work: () => T): T {
  const before = tuningFor(gpu);
  let changed = roundings.get(before);
  if (!changed) roundings.set(before, changed = new Map());
  const key = JSON.stringify(rounding);
  let tuning = changed.get(key);
  if (!tuning) changed.set(key, tuning = { ...before, ...rounding });
  setTuning(gpu, tuning);
  try {
    return work();
  } finally {
    setTuning(gpu, before);
  }
}

/** Plans made from now on use this tuning; launches recorded and plans compiled before stay as they are. */
export function setTuning(gpu: Gpu, tuning: Tuning): void {
  tunings.set(gpu, tuning);
}

function runStep(gpu: Gpu, step: Step, find: (name: string) => Slice, label: string): void {
  const slices = step.bindings.map((name, i) => {
    const whole = find(name), window = step.windows?.[i];
    return inFours(
      window
        ? { ...window, buffer: whole.buffer, byteOffset: whole.byteOffset + window.byteOffset, dtype: whole.dtype }
        : whole,
    );
  });
  gpu.run(step.plan, slices, label);
}

/** Kernels bind arrays of vec4: buffers are multiples of 256 bytes and offsets too, so there is room to round up. */
export function inFours({ buffer, byteOffset, byteLength, dtype }: Slice): Slice {
  return { buffer, byteOffset, byteLength: Math.ceil(byteLength / 16) * 16, dtype };
}

const TABLES_KEPT = 512;
const tables = new WeakMap<Gpu, Map<Uint32Array, Slice>>();

/** Gives a read-only table on the device, uploaded once and kept among the last few hundred used. */
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

/**
 * Gives `plan` with its last few hundred results for each tuning kept by the JSON of its other arguments: a training
 * step plans nothing anew.
 */
export function cached<A extends unknown[], L>(
  plan: (...args: [...A, Tuning]) => L,
): (...args: [...A, Tuning]) => L {
  const byTuning = new WeakMap<Tuning, Map<string, L>>();
  return (...all) => {
    const tuning = all[all.length - 1] as Tuning;
    let kept = byTuning.get(tuning);
    if (!kept) byTuning.set(tuning, kept = new Map());
    const key = JSON.stringify(all.slice(0, -1));
    let found = kept.get(key);
    if (found === undefined) {
      found = plan(...all);
      if (kept.size >= PLANS_KEPT) kept.delete(kept.keys().next().value!);
    } else kept.delete(key);
    kept.set(key, found);
    return found;
  };
}
