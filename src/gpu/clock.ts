/** What a timed recording took. `quantumMs` is the smallest step that the clock can show. */
export interface Timing {
  readonly ms: number;
  readonly clock: "gpu timestamps" | "wall clock";
  readonly quantumMs: number;
}

/** Deno polls a pending map about every 10 ms, so a wall-clock time that ends in a wait has that grain. */
const WALL_QUANTUM_MS = 10;

export function wallTiming(ms: number): Timing {
  return { ms, clock: "wall clock", quantumMs: WALL_QUANTUM_MS };
}

/**
 * The device's two timestamps (nanoseconds) as a time, or the wall's where they can't be true: some drivers give raw ticks
 * or nothing.
 */
export function deviceTiming(timestamps: ArrayBuffer, wallMs: number): Timing {
  const [from, to] = new BigUint64Array(timestamps);
  const ms = Number(to - from) / 1e6;
  const plausible = ms > 0 && ms <= wallMs * 1.02 + 0.1;
  return plausible ? { ms, clock: "gpu timestamps", quantumMs: timestampQuantumMs() } : wallTiming(wallMs);
}

/** Chrome rounds timestamps to 65,536 ns unless its developer features are on; native runtimes give nanoseconds. */
function timestampQuantumMs(): number {
  return "Deno" in globalThis ? 1e-6 : 0.065536;
}

/** Two timestamps around whatever is encoded between `begin` and `end`. */
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
}
