/** Times each dispatch of a submit on the device's own clock, for which each runs in a compute pass of its own. */
import type { StagingPool } from "./staging.ts";

/** Gives what each dispatch of a submit took, in ms, in order; undefined where the driver told nothing that can be true. */
export type ReadTimes = () => Promise<(number | undefined)[]>;

export class DispatchClock {
  readonly #set: GPUQuerySet;
  readonly #resolved: GPUBuffer;

  /** The device has timestamps; a submit has at most `slots` dispatches. */
  constructor(device: GPUDevice, slots: number) {
    this.#set = device.createQuerySet({ type: "timestamp", count: 2 * slots });
    this.#resolved = device.createBuffer({
      label: "dispatch times",
      size: 16 * slots,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  /** Gives the descriptor of the pass in which the dispatch of this slot is timed. */
  pass(slot: number): GPUComputePassDescriptor {
    return {
      timestampWrites: {
        querySet: this.#set,
        beginningOfPassWriteIndex: 2 * slot,
        endOfPassWriteIndex: 2 * slot + 1,
      },
    };
  }

  /** Encodes the reading of the times of this submit's first `count` dispatches; what it gives is called after the submit. */
  end(encoder: GPUCommandEncoder, staging: StagingPool, count: number): ReadTimes {
    const bytes = 16 * count;
    const buffer = staging.take(bytes);
    encoder.resolveQuerySet(this.#set, 0, 2 * count, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, buffer, 0, bytes);
    return async () => {
      await buffer.mapAsync(GPUMapMode.READ);
      const times = new BigUint64Array(staging.collect(buffer, bytes));
      return Array.from({ length: count }, (_, i) => told(times[2 * i], times[2 * i + 1]));
    };
  }

  close(): void {
    this.#set.destroy();
    this.#resolved.destroy();
  }
}

/** Some drivers write nothing, or the end before the beginning. */
function told(from: bigint, to: bigint): number | undefined {
  return to >= from && to > 0n ? Number(to - from) / 1e6 : undefined;
}
