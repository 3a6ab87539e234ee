/**
 * This file has device buffers with reference counts, and the pool that hands them out again and frees what has long
 * been idle.
 */
import { DeviceLimitError, GpuError } from "./errors.ts";

/** This is a device buffer with a reference count. At zero it returns to the pool it came from. */
export class GpuBuffer {
  #references = 1;
  readonly #recycle: (buffer: GpuBuffer) => void;

  /** Buffers come from `Gpu.alloc`; nobody else makes one. */
  constructor(
    readonly id: number,
    readonly native: GPUBuffer,
    /** So many bytes are usable, at least what was asked for. */
    readonly bytes: number,
    recycle: (buffer: GpuBuffer) => void,
  ) {
    this.#recycle = recycle;
  }

  /** Says how many hold it; at 0 it goes back to the pool. */
  get references(): number {
    return this.#references;
  }

  /** Counts one more that holds it, and gives the buffer itself. */
  retain(): this {
    if (this.#references <= 0) throw new GpuError(`buffer ${this.id} was retained after its last release`);
    this.#references++;
    return this;
  }

  /** Counts one less that holds it. */
  release(): void {
    if (this.#references <= 0) throw new GpuError(`buffer ${this.id} was released twice`);
    if (--this.#references === 0) this.#recycle(this);
  }

  /** The pool calls this when it hands the buffer out again. */
  revive(): void {
    this.#references = 1;
  }
}

/** This is a range of a buffer; a Tensor is one. `byteOffset` is a multiple of 256. */
export interface Slice {
  /** It is a part of this buffer. */
  readonly buffer: GpuBuffer;
  /** It begins here, in bytes: a multiple of 256 where a kernel binds it. */
  readonly byteOffset: number;
  /** It is so many bytes long. */
  readonly byteLength: number;
  /** With "f16" its numbers have two bytes, and kernels that bind it are compiled for that. */
  readonly dtype?: string;
}

/** Tells how much of the device's memory is in use. */
export interface BufferStats {
  /** So many bytes are in buffers that somebody holds. */
  readonly liveBytes: number;
  /** This is the most that `liveBytes` has been. */
  readonly peakBytes: number;
  /** So many bytes are in buffers that wait to be used again. */
  readonly pooledBytes: number;
  /** Somebody holds so many buffers. */
  readonly liveBuffers: number;
}

/**
 * The pool counts its uses in windows of so many buffers handed out. A training step of the largest network in the zoo
 * takes about a thousand, so that two windows hold several whole steps.
 */
export const WINDOW_TAKES = 4096;

/** Says how many buffers of one size there are, and how many of them were needed at the same time. */
export interface ClassUse {
  readonly inUse: number;
  readonly idle: number;
  /** So many were in use at one time at most since the current window began. */
  readonly peak: number;
  /** This is the peak of the window before. */
  readonly peakBefore: number;
}

/**
 * Says how many idle buffers of a size may be freed: those beyond what was in use at one time in the last two windows.
 */
export function surplus({ inUse, idle, peak, peakBefore }: ClassUse): number {
  return Math.min(idle, Math.max(0, inUse + idle - Math.max(peak, peakBefore)));
}

interface SizeClass {
  /** The one used last stands last. */
  readonly free: GpuBuffer[];
  inUse: number;
  peak: number;
  peakBefore: number;
}

/**
 * Keeps buffers by size class. A training step allocates nothing after its first run, because what was in use lately is
 * kept; what two windows didn't need is freed.
 */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #classes = new Map<number, SizeClass>();
  /** These are all buffers that aren't freed, in use or idle: closing frees them all, whoever still holds one. */
  readonly #natives = new Set<GPUBuffer>();
  #closed = false;
  #nextId = 1;
  #takes = 0;
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
    this.#takes++;
    this.#liveBytes += size;
    this.#liveBuffers++;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    const kind = this.#classOf(size);
    kind.inUse++;
    kind.peak = Math.max(kind.peak, kind.inUse);
    const pooled = kind.free.pop();
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
    this.#natives.add(native);
    return new GpuBuffer(this.#nextId++, native, size, (buffer) => this.#putBack(buffer));
  }

  /**
   * Frees the surplus of each size once a window is over. Call it only when nothing recorded still uses an idle buffer.
   */
  trimSurplus(): void {
    if (this.#takes < WINDOW_TAKES) return;
    this.#takes = 0;
    for (const [size, kind] of this.#classes) {
      this.#free(kind, surplus({ ...kind, idle: kind.free.length }));
      kind.peakBefore = kind.peak;
      kind.peak = kind.inUse;
      if (kind.inUse === 0 && kind.free.length === 0 && kind.peakBefore === 0) this.#classes.delete(size);
    }
  }

  /** Frees all idle buffers. Call it only when nothing recorded still uses them. */
  trim(): void {
    for (const kind of this.#classes.values()) this.#free(kind, kind.free.length);
  }

  /** Frees all buffers, also those in use. What is released from now on is only counted. */
  close(): void {
    this.trim();
    for (const native of this.#natives) native.destroy();
    this.#natives.clear();
    this.#closed = true;
  }

  stats(): BufferStats {
    return {
      liveBytes: this.#liveBytes,
      peakBytes: this.#peakBytes,
      pooledBytes: this.#pooledBytes,
      liveBuffers: this.#liveBuffers,
    };
  }

  #classOf(size: number): SizeClass {
    let kind = this.#classes.get(size);
    if (!kind) this.#classes.set(size, kind = { free: [], inUse: 0, peak: 0, peakBefore: 0 });
    return kind;
  }

  #putBack(buffer: GpuBuffer): void {
    this.#liveBytes -= buffer.bytes;
    this.#liveBuffers--;
    const kind = this.#classOf(buffer.bytes);
    kind.inUse--;
    if (this.#closed) return;
    this.#pooledBytes += buffer.bytes;
    kind.free.push(buffer);
  }

  /** Frees the `count` idle buffers that were used longest ago. */
  #free(kind: SizeClass, count: number): void {
    for (const { native, bytes } of kind.free.splice(0, count)) {
      native.destroy();
      this.#natives.delete(native);
      this.#pooledBytes -= bytes;
    }
  }
}

/**
 * Rounds up to a quarter of a power of two: this wastes at most 25 % and makes few classes. The result is at least 256
 * bytes.
 */
export function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const quarter = 2 ** Math.floor(Math.log2(bytes - 1)) / 4;
  return Math.ceil(Math.ceil(bytes / quarter) * quarter / 256) * 256;
}
