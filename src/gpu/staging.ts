/** Keeps mappable buffers for reading back, and hands them out again by size. */
export class StagingPool {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, GPUBuffer[]>();
  /** These are all that were made: what a read still waits for is freed with the rest. */
  readonly #made = new Set<GPUBuffer>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  take(bytes: number): GPUBuffer {
    const size = 2 ** Math.ceil(Math.log2(Math.max(256, bytes)));
    const free = this.#free.get(size)?.pop();
    if (free) return free;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const made = this.#device.createBuffer({ label: "staging", size, usage });
    this.#made.add(made);
    return made;
  }

  /** Gives the first `bytes` bytes of a mapped buffer, which goes back to the pool. */
  collect(buffer: GPUBuffer, bytes: number): ArrayBuffer {
    const copy = buffer.getMappedRange(0, Math.ceil(bytes / 4) * 4).slice(0, bytes);
    buffer.unmap();
    const list = this.#free.get(buffer.size);
    if (list) list.push(buffer);
    else this.#free.set(buffer.size, [buffer]);
    return copy;
  }

  /** Frees the buffers that wait for the next read. */
  trim(): void {
    for (const buffer of [...this.#free.values()].flat()) {
      buffer.destroy();
      this.#made.delete(buffer);
    }
    this.#free.clear();
  }

  /** Frees all buffers, also those that a read waits for: it fails as the device goes. */
  close(): void {
    for (const buffer of this.#made) buffer.destroy();
    this.#made.clear();
    this.#free.clear();
  }
}
