/** Sums over many batches: float32 on the device for a few of them, float64 on the host for all. */
import type { Gpu } from "../../gpu/gpu.ts";
import { axpby } from "../../tensor/ops/inplace.ts";
import { readTensors, Tensor } from "../../tensor/tensor.ts";

export interface Sums extends Disposable {
  /** A sum that begins at 0. Two sums have two names. */
  open(name: string, shape: readonly number[]): Sum;
  /** Whether something was added since the last flush. */
  readonly pending: boolean;
  /** Adds what the device holds to the host's sums, in one read. */
  flush(): Promise<void>;
  /** A sum up to the last flush. */
  total(name: string): Float64Array;
}

export interface Sum {
  /** On the device, since the last flush; whoever adds to it in place calls `touch` as well. */
  readonly tensor: Tensor;
  /** += factor · x, of the sum's size. */
  add(x: Tensor, factor?: number): void;
  touch(): void;
}

export function createSums(gpu: Gpu): Sums {
  const sums = new Map<string, { tensor: Tensor; total: Float64Array }>();
  let pending = false;
  const touch = () => pending = true;
  return {
    open(name, shape) {
      const tensor = Tensor.zeros(gpu, shape);
      sums.set(name, { tensor, total: new Float64Array(tensor.size) });
      return {
        tensor,
        add(x, factor = 1) {
          axpby(gpu, factor, x, 1, tensor);
          touch();
        },
        touch,
      };
    },
    get pending() {
      return pending;
    },
    async flush() {
      pending = false;
      const list = [...sums.values()];
      const parts = await readTensors(list.map(({ tensor }) => tensor));
      for (const [i, { tensor, total }] of list.entries()) {
        parts[i].forEach((value, j) => total[j] += value);
        gpu.clear(tensor);
      }
    },
    total: (name) => sums.get(name)!.total,
    [Symbol.dispose]() {
      for (const { tensor } of sums.values()) tensor.dispose();
      sums.clear();
    },
  };
}
