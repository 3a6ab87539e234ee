/** What a compiled plan holds on the device: buffers that steps take turns in, and weights, each brought when it is first asked for. */
import type { Gpu, GpuBuffer } from "../gpu/gpu.ts";
import { bytesOf, type Dtype, elements, Tensor } from "../tensor/tensor.ts";
import { cast, type PlanStorage } from "./plan_storage.ts";
import type { HostTensor, Params } from "./types.ts";

/** The plan's own buffers: kept apart from the pool, since their contents must survive from step to step of a run. */
export interface Memory {
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

export function createMemory(gpu: Gpu): Memory {
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

/** The parameters of a network that was folded. */
export interface Weights {
  host(name: string): HostTensor;
  tensor(name: string, storage?: PlanStorage): Tensor;
}

/** A weight goes to the device when the first kernel asks for it: packed sparse ones never do. */
export function uploadOnDemand(gpu: Gpu, params: Params, memory: Memory): Weights {
  const uploaded = new Map<string, Tensor>();
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
