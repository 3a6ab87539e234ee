import type { Gpu } from "../../gpu/gpu.ts";
import { Tensor } from "../tensor.ts";

const TABLES_KEPT = 256;
const tables = new WeakMap<Gpu, Map<string, Tensor>>();

/** Gives a constant list of u32 on the device, uploaded once; the last few hundred used are kept. Don't dispose it. */
export function constantTable(gpu: Gpu, values: readonly number[]): Tensor {
  let kept = tables.get(gpu);
  if (!kept) tables.set(gpu, kept = new Map());
  const key = values.join();
  let table = kept.get(key);
  if (table) kept.delete(key);
  else {
    table = Tensor.from(gpu, Uint32Array.from(values), [values.length]);
    if (kept.size >= TABLES_KEPT) {
      const [oldest, old] = kept.entries().next().value!;
      kept.delete(oldest);
      // Commands run in order: whoever gets the buffer next writes after what was recorded has read it.
      old.dispose();
    }
  }
  kept.set(key, table);
  return table;
}
