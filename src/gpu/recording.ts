/** What was recorded since the last submit: one encoder, at most one open compute pass, and a slot of uniforms for each dispatch. */
import type { GpuBuffer } from "./buffers.ts";
import { SLOT_BYTES } from "./check_plan.ts";

export class Recording {
  readonly #device: GPUDevice;
  readonly #uniforms: GPUBuffer;
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #slots: number;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #dispatches = 0;
  #touched = new Set<GpuBuffer>();

  /** @param uniforms has `slots` slots of `SLOT_BYTES` */
  constructor(device: GPUDevice, uniforms: GPUBuffer, slots: number) {
    this.#device = device;
    this.#uniforms = uniforms;
    this.#slots = slots;
    this.#words = new Uint32Array(slots * SLOT_BYTES / 4);
  }

  /** Nothing was recorded. */
  get empty(): boolean {
    return !this.#encoder;
  }

  /** Each slot of uniforms is taken. */
  get full(): boolean {
    return this.#dispatches === this.#slots;
  }

  get dispatches(): number {
    return this.#dispatches;
  }

  /** Something recorded reads or writes the buffer. */
  touches(buffer: GpuBuffer): boolean {
    return this.#touched.has(buffer);
  }

  touch(...buffers: readonly GpuBuffer[]): void {
    for (const buffer of buffers) this.#touched.add(buffer);
  }

  /** Takes the next dispatch's slot and gives its number. The uniforms wait on the host until the submit. */
  takeSlot(uniforms: readonly number[]): number {
    const slot = this.#dispatches++;
    this.#words.set(uniforms, slot * SLOT_BYTES / 4);
    return slot;
  }

  /** The open compute pass. One that is timed is begun for one dispatch alone. */
  insidePass(timed: GPUComputePassDescriptor | undefined): GPUComputePassEncoder {
    if (timed) this.#endPass();
    this.#encoder ??= this.#device.createCommandEncoder();
    return this.#pass ??= this.#encoder.beginComputePass(timed);
  }

  /** The encoder, with no pass open: for copies. */
  outsidePass(): GPUCommandEncoder {
    this.#endPass();
    return this.#encoder ??= this.#device.createCommandEncoder();
  }

  /** Writes the uniforms, and gives what is to be submitted. */
  finish(): GPUCommandBuffer {
    const encoder = this.outsidePass();
    if (this.#dispatches > 0) {
      this.#device.queue.writeBuffer(this.#uniforms, 0, this.#words, 0, this.#dispatches * SLOT_BYTES / 4);
    }
    this.drop();
    return encoder.finish();
  }

  /** Forgets what was recorded. */
  drop(): void {
    this.#encoder = undefined;
    this.#pass = undefined;
    this.#dispatches = 0;
    this.#touched = new Set();
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }
}
