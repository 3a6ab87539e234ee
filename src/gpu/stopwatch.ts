/** Times what is recorded on a device: by the device's own clock where it has one, else by the wall's. */
import { TimestampClock, TimestampPair, type Timing, wallQuantumMs } from "./clock.ts";

/** This is what is asked of the device that is timed. */
export interface TimedDevice {
  readonly native: GPUDevice;
  /** Whether nothing is recorded, and all that was submitted has been seen to be done. */
  idle(): boolean;
  /** Waits until all that was recorded is done. */
  sync(): Promise<void>;
  /** Gives what commands are encoded with, outside of passes. */
  outsidePass(): GPUCommandEncoder;
  /** Gives a buffer to read back from. */
  staging(bytes: number): GPUBuffer;
  /** Submits what was recorded, and gives what it left in these buffers, in one wait. */
  collect(stagings: readonly GPUBuffer[], bytes: readonly number[]): Promise<ArrayBuffer[]>;
  /** Records next to nothing until `release`. */
  openNothing(): { record(): void; release(): void };
}

const PAIR_BYTES = 16;

export class Stopwatch {
  readonly #device: TimedDevice;
  readonly #hasTimestamps: boolean;
  readonly #clock = new TimestampClock();
  /** There is one for each recording that was timed in the same wait. */
  readonly #pairs: TimestampPair[] = [];
  #wallQuantumMs: Promise<number> | undefined;

  constructor(device: TimedDevice) {
    this.#device = device;
    this.#hasTimestamps = device.native.features.has("timestamp-query");
  }

  /** Does what `Gpu.time` says. */
  async time(record: () => void): Promise<Timing> {
    if (!this.#hasTimestamps) {
      await this.#device.sync();
      const start = performance.now();
      record();
      await this.#device.sync();
      return this.#byWall(performance.now() - start);
    }
    const { wallMs, timings: [timing] } = await this.#stamped([record]);
    return timing ?? this.#byWall(wallMs);
  }

  /** Does what `Gpu.timeEach` says. */
  async timeEach(records: readonly (() => void)[]): Promise<Timing[]> {
    const stamped = this.#hasTimestamps ? (await this.#stamped(records)).timings : [];
    const timings: Timing[] = [];
    for (const [i, record] of records.entries()) timings.push(stamped[i] ?? await this.time(record));
    return timings;
  }

  close(): void {
    for (const pair of this.#pairs) pair.close();
  }

  /** Submits all of them between timestamps, and waits once; a time that can't be true is undefined. */
  async #stamped(records: readonly (() => void)[]): Promise<{ wallMs: number; timings: (Timing | undefined)[] }> {
    const device = this.#device;
    // A wait costs ~10 ms in Deno: none is needed where the last one has seen all work done.
    if (!device.idle()) await device.sync();
    const start = performance.now();
    const stagings = records.map((record, i) => {
      const pair = this.#pairs[i] ??= new TimestampPair(device.native);
      pair.begin(device.outsidePass());
      record();
      const staging = device.staging(PAIR_BYTES);
      pair.end(device.outsidePass(), staging);
      return staging;
    });
    const read = await device.collect(stagings, stagings.map(() => PAIR_BYTES));
    const wallMs = performance.now() - start;
    return { wallMs, timings: read.map((bytes) => this.#clock.timing(bytes, wallMs)) };
  }

  async #byWall(ms: number): Promise<Timing> {
    return { ms, clock: "wall clock", quantumMs: await (this.#wallQuantumMs ??= this.#measureWallQuantum()) };
  }

  async #measureWallQuantum(): Promise<number> {
    const nothing = this.#device.openNothing();
    try {
      return await wallQuantumMs(() => {
        nothing.record();
        return this.#device.sync();
      });
    } finally {
      nothing.release();
    }
  }
}
