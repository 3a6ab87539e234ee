/** This is what a timed recording took. `quantumMs` is the smallest step that the clock can show. */
export interface Timing {
  /** It runs from the first of what was recorded to the last. */
  readonly ms: number;
  /** It was measured with this clock. */
  readonly clock: "gpu timestamps" | "wall clock";
  /** Differences below this can't be told. */
  readonly quantumMs: number;
}

const WAITS = 5;
const STEPS = 3;

/**
 * Measures the grain of a wall-clock time that ends in a wait: the clock's own step (5 µs to 1 ms in browsers) or,
 * where that is more, what a wait for next to nothing takes. Deno looks every 10 ms whether the device is done, Firefox
 * every 100 ms, and that much of a time may be no work at all.
 *
 * @param wait for work that takes no time, on a device that has nothing else to do
 */
export async function wallQuantumMs(wait: () => Promise<void>): Promise<number> {
  const waits: number[] = [];
  for (let i = 0; i < WAITS; i++) {
    const start = performance.now();
    await wait();
    waits.push(performance.now() - start);
  }
  return Math.max(clockStepMs(), waits.sort((a, b) => a - b)[WAITS >> 1]);
}

/** Gives the smallest step in which performance.now() was seen to move on. */
function clockStepMs(): number {
  let smallest = Infinity;
  for (let i = 0; i < STEPS; i++) {
    const start = performance.now();
    let now = start;
    while (now === start) now = performance.now();
    smallest = Math.min(smallest, now - start);
  }
  return smallest;
}

/**
 * Makes times from two timestamps of a device. Browsers round them (Chrome to 65,536 ns) and none says to what: the
 * grain is the greatest common divisor of all timestamps seen, and so too coarse at first, if anything, and right after
 * a few.
 */
export class TimestampClock {
  #grainNs = 0n;

  /**
   * Gives the time between two timestamps, 16 bytes, or undefined where it can't be true: some drivers give raw ticks
   * or nothing. `wallMs` is what the wall's clock saw.
   */
  timing(timestamps: ArrayBuffer, wallMs: number): Timing | undefined {
    const [from, to] = new BigUint64Array(timestamps);
    const ms = Number(to - from) / 1e6;
    if (!(ms > 0 && ms <= wallMs * 1.02 + 0.1)) return undefined;
    this.#grainNs = greatestCommonDivisor(greatestCommonDivisor(this.#grainNs, from), to);
    return { ms, clock: "gpu timestamps", quantumMs: Number(this.#grainNs) / 1e6 };
  }
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

/** Takes two timestamps around whatever is encoded between `begin` and `end`. */
export class TimestampPair {
  readonly #set: GPUQuerySet;
  readonly #resolved: GPUBuffer;

  constructor(device: GPUDevice) {
    this.#set = device.createQuerySet({ type: "timestamp", count: 2 });
    this.#resolved = device.createBuffer({ size: 256, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
  }

  begin(encoder: GPUCommandEncoder): void {
    encoder.beginComputePass({ timestampWrites: { querySet: this.#set, beginningOfPassWriteIndex: 0 } }).end();
  }

  /** Leaves both timestamps, 16 bytes, at the start of `staging`. */
  end(encoder: GPUCommandEncoder, staging: GPUBuffer): void {
    encoder.beginComputePass({ timestampWrites: { querySet: this.#set, endOfPassWriteIndex: 1 } }).end();
    encoder.resolveQuerySet(this.#set, 0, 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, staging, 0, 16);
  }

  close(): void {
    this.#set.destroy();
    this.#resolved.destroy();
  }
}
