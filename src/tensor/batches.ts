/** Puts together what one dispatch can do: work on tensors that lie in the same buffers. */
import type { Gpu, Slice } from "../gpu/gpu.ts";

/** What one dispatch does. */
export interface Batch<T> {
  readonly items: readonly T[];
  /** The parts of the buffers that hold the items' slices, in their order. */
  readonly bindings: readonly Slice[];
  /** Where each item's slices begin in them, in f32. */
  readonly places: readonly (readonly number[])[];
}

/**
 * Puts neighbours of a kind together whose slices lie in the same buffers, as long as the device can bind the part of each
 * buffer that they span. Their order stays.
 */
export function batchesOf<T>(
  gpu: Gpu,
  items: readonly T[],
  kindOf: (item: T) => string,
  slicesOf: (item: T) => readonly Slice[],
): Batch<T>[] {
  const open: { kind: string; items: T[]; slices: (readonly Slice[])[]; bindings: readonly Slice[] }[] = [];
  for (const item of items) {
    const kind = kindOf(item), slices = slicesOf(item);
    const last = open.findLast((batch) =>
      batch.kind === kind && batch.bindings.every(({ buffer }, i) => buffer === slices[i].buffer)
    );
    const bindings = last?.bindings.map((binding, i) => around(binding, slices[i]));
    if (last && bindings!.every(({ byteLength }) => byteLength <= gpu.bindingBytes)) {
      last.items.push(item);
      last.slices.push(slices);
      last.bindings = bindings!;
    } else open.push({ kind, items: [item], slices: [slices], bindings: slices });
  }
  return open.map(({ items, slices, bindings }) => ({
    items,
    bindings,
    places: slices.map((own) => own.map(({ byteOffset }, i) => (byteOffset - bindings[i].byteOffset) / 4)),
  }));
}

function around(a: Slice, b: Slice): Slice {
  const start = Math.min(a.byteOffset, b.byteOffset);
  const end = Math.max(a.byteOffset + a.byteLength, b.byteOffset + b.byteLength);
  return { buffer: a.buffer, byteOffset: start, byteLength: end - start };
}
