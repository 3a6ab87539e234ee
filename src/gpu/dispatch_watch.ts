/** Keeps what a recording dispatches, with the time of each dispatch where the device tells it. */
import type { DispatchClock, ReadTimes } from "./dispatch_clock.ts";
import type { StagingPool } from "./staging.ts";
import type { Plan } from "./types.ts";

/** This is one dispatch of a recording. */
export interface DispatchTime {
  /** It did this. */
  readonly plan: Plan;
  /** It was recorded under this label. */
  readonly label: string;
  /** It took so long on the device's own clock; it is missing where the device doesn't tell. */
  readonly ms?: number;
}

export class DispatchWatch {
  /** Without a clock no dispatch has a time. */
  readonly clock: DispatchClock | undefined;
  readonly #seen: { readonly plan: Plan; readonly label: string }[] = [];
  /** There is one for each submit. */
  readonly #reads: ReadTimes[] = [];

  constructor(clock: DispatchClock | undefined) {
    this.clock = clock;
  }

  /** Takes the next dispatch down. */
  saw(plan: Plan, label: string): void {
    this.#seen.push({ plan, label });
  }

  /** Encodes the reading of the times of a submit's `count` dispatches. */
  end(encoder: GPUCommandEncoder, staging: StagingPool, count: number): void {
    if (this.clock && count > 0) this.#reads.push(this.clock.end(encoder, staging, count));
  }

  /** Waits for all submits, and gives each dispatch with its time. */
  async times(): Promise<DispatchTime[]> {
    const times = (await Promise.all(this.#reads.map((read) => read()))).flat();
    return this.#seen.map((dispatch, i) => ({ ...dispatch, ...times[i] !== undefined && { ms: times[i] } }));
  }
}
