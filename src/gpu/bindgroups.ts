import type { Slice } from "./buffers.ts";
import type { Pipeline } from "./pipelines.ts";

const KEPT = 4096;

/**
 * Keeps bind groups by layout and bound ranges, and drops the least recently used first: making one costs more than a
 * dispatch.
 */
export class BindGroupCache {
  readonly #device: GPUDevice;
  readonly #uniforms: GPUBuffer;
  readonly #slotBytes: number;
  readonly #groups = new Map<string, GPUBindGroup>();

  constructor(device: GPUDevice, uniforms: GPUBuffer, slotBytes: number) {
    this.#device = device;
    this.#uniforms = uniforms;
    this.#slotBytes = slotBytes;
  }

  /** @param uniformOffset where binding 0 starts; 0 where dynamic offsets are used */
  get({ layout, layoutKey }: Pipeline, bindings: readonly Slice[], uniformOffset: number): GPUBindGroup {
    let key = `${layoutKey}${uniformOffset}`;
    for (const b of bindings) key += `,${b.buffer.id}:${b.byteOffset}:${b.byteLength}`;
    let group = this.#groups.get(key);
    if (group) {
      // Re-inserting keeps the map in order of last use.
      this.#groups.delete(key);
    } else {
      group = this.#device.createBindGroup({
        layout,
        entries: [
          { binding: 0, resource: { buffer: this.#uniforms, offset: uniformOffset, size: this.#slotBytes } },
          ...bindings.map((b, i) => ({
            binding: i + 1,
            resource: { buffer: b.buffer.native, offset: b.byteOffset, size: Math.ceil(b.byteLength / 4) * 4 },
          })),
        ],
      });
      if (this.#groups.size >= KEPT) this.#groups.delete(this.#groups.keys().next().value!);
    }
    this.#groups.set(key, group);
    return group;
  }

  clear(): void {
    this.#groups.clear();
  }
}
