import { DeviceLimitError, GpuError } from "./errors.ts";

/** A device buffer with a reference count. At zero it returns to the pool it came from. */
export class GpuBuffer {
  #references = 1;
  readonly #recycle: (buffer: GpuBuffer) => void;

  constructor(
    readonly id: number,
    readonly native: GPUBuffer,
    /** Bytes usable; at least what was asked for. */
    readonly bytes: number,
    recycle: (buffer: GpuBuffer) => void,
  ) {
    this.#recycle = recycle;
  }

  get references(): number {
    return this.#references;
  }

  retain(): this {
    if (this.#references <= 0) throw new GpuError(`buffer ${this.id} was retained after its last release`);
    this.#references++;
    return this;
  }

  release(): void {
    if (this.#references <= 0) throw new GpuError(`buffer ${this.id} was released twice`);
    if (--this.#references === 0) this.#recycle(this);
  }

  /** Used by the pool when it hands the buffer out again. */
  revive(): void {
    this.#references = 1;
  }
}

/** A range of a buffer; a Tensor is one. `byteOffset` is a multiple of 256. */
export interface Slice {
  readonly buffer: GpuBuffer;
  readonly byteOffset: number;
  readonly byteLength: number;
}

export interface BufferStats {
  readonly liveBytes: number;
  readonly peakBytes: number;
  readonly pooledBytes: number;
  readonly liveBuffers: number;
}

/** Free buffers by size class, so that a training step allocates nothing after its first run. */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, GpuBuffer[]>();
  #nextId = 1;
  #liveBytes = 0;
  #peakBytes = 0;
  #pooledBytes = 0;
  #liveBuffers = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  take(bytes: number, label: string): GpuBuffer {
    const size = sizeClass(bytes);
    const limit = this.#device.limits.maxBufferSize;
    if (bytes > limit) {
      throw new DeviceLimitError(
        `buffer "${label}" needs ${bytes} bytes; this device allows ${limit}: use a smaller batch or model`,
      );
    }
    this.#liveBytes += size;
    this.#liveBuffers++;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    const pooled = this.#free.get(size)?.pop();
    if (pooled) {
      this.#pooledBytes -= size;
      pooled.revive();
      return pooled;
    }
    const native = this.#device.createBuffer({
      label,
      size: Math.min(size, limit),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    return new GpuBuffer(this.#nextId++, native, size, (buffer) => this.#putBack(buffer));
  }

  /** Destroys the free buffers. Only when nothing recorded still uses them. */
  trim(): void {
    for (const list of this.#free.values()) for (const buffer of list) buffer.native.destroy();
    this.#free.clear();
    this.#pooledBytes = 0;
  }

  stats(): BufferStats {
    return {
      liveBytes: this.#liveBytes,
      peakBytes: this.#peakBytes,
      pooledBytes: this.#pooledBytes,
      liveBuffers: this.#liveBuffers,
    };
  }

  #putBack(buffer: GpuBuffer): void {
    this.#liveBytes -= buffer.bytes;
    this.#liveBuffers--;
    this.#pooledBytes += buffer.bytes;
    const list = this.#free.get(buffer.bytes);
    if (list) list.push(buffer);
    else this.#free.set(buffer.bytes, [buffer]);
  }
}

/** Rounds up to a quarter of a power of two: at most 25 % waste, few classes. At least 256 bytes. */
export function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const quarter = 2 ** Math.floor(Math.log2(bytes - 1)) / 4;
  return Math.ceil(Math.ceil(bytes / quarter) * quarter / 256) * 256;
}
