/**
 * Gives the parts of buffers that the projections bind: whole tensors, or windows of them above the device's binding
 * limit.
 */
import { type GroupLayout, layoutSize, type LayoutWindow, layoutWindows } from "../../kernels/project/layout.ts";
import type { Gpu, Slice } from "../gpu/gpu.ts";

/**
 * Gives `count` elements of a slice from `first` on. @throws RangeError where the device could not bind it: its offsets
 * are multiples of 256 bytes
 */
export function elementsOf({ buffer, byteOffset }: Slice, first: number, count: number): Slice {
  const start = byteOffset + 4 * first;
  if (start % 256 !== 0) throw new RangeError(`a long selection begins at byte ${start}, not at a multiple of 256`);
  return { buffer, byteOffset: start, byteLength: 4 * count };
}

export function inputsOf(u: Slice | undefined, frozen: Slice | undefined): ("dual" | "frozen")[] {
  return [...u ? ["dual" as const] : [], ...frozen ? ["frozen" as const] : []];
}

/** A tensor above the binding limit is bound in windows of filters, one after another. */
export function windowsOf(gpu: Gpu, layout: GroupLayout): LayoutWindow[] {
  return layoutWindows(layout, gpu.bindingBytes);
}

export function weightsOf({ buffer, byteOffset }: Slice, { layout, element }: LayoutWindow): Slice {
  return fours({ buffer, byteOffset: byteOffset + 4 * element, byteLength: 4 * layoutSize(layout) });
}

export function groupsOf({ buffer, byteOffset }: Slice, { layout, group }: LayoutWindow): Slice {
  return { buffer, byteOffset: byteOffset + 4 * group, byteLength: 4 * layout.groups };
}

/** Kernels take arrays of vec4; buffers have room to round up. */
export function fours({ buffer, byteOffset, byteLength }: Slice): Slice {
  return { buffer, byteOffset, byteLength: Math.ceil(byteLength / 16) * 16 };
}

export function checkBytes(what: string, slice: Slice, elements: number): void {
  if (slice.byteLength !== 4 * elements) {
    throw new RangeError(`${what}: a slice of ${slice.byteLength / 4} elements, expected ${elements}`);
  }
}

export function describe({ F, C, KK, groups }: GroupLayout): string {
  return `[${F},${C},${KK}], ${groups} groups`;
}
