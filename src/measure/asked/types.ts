/**
 * Timing that is asked of another device: a job says what is to be timed, and an answer what was measured. Both are plain data that
 * goes over the network; times are in ms.
 */
import type { AdapterInfo } from "../../gpu/adapter.ts";
import type { Graph } from "../../graph/types.ts";
import type { Timing } from "../../gpu/gpu.ts";

/** A network, or a network around one layer, and which parts of it are to be timed. Its weights are seeded: they decide nothing about time. */
export interface TimingJob {
  /** SHA-256 of all that is below but for the title (`shapeId`): an answer names the shape that it is about. */
  readonly shape: string;
  /** For people. */
  readonly title: string;
  readonly graph: Graph;
  /** A run has so many samples. */
  readonly batch: number;
  /** Names of nodes that are timed by themselves, as the plan runs them; WHOLE stands for a whole run. */
  readonly timed: readonly string[];
}

/** In `timed`: a whole run. No node is called by nothing. */
export const WHOLE = "";

/** What a device measured. Each sample is the time of one run, in the order in which they were taken. */
export interface TimingAnswer {
  /** Of the job, as the device has computed it from what it timed. */
  readonly shape: string;
  readonly adapter: AdapterInfo;
  readonly clock: Timing["clock"];
  readonly quantumMs: number;
  readonly times: readonly TimedPart[];
  /** The same small product, timed in turns with everything else: whether the device kept its pace. */
  readonly paceMs: readonly number[];
  /** Whether the page was hidden meanwhile. */
  readonly hidden: boolean;
}

export interface TimedPart {
  /** As in the job's `timed`. */
  readonly name: string;
  /** None where the part launches nothing. */
  readonly samplesMs: readonly number[];
  /** A sample has repeated the run so often; 0 where there are none. */
  readonly repeats: number;
}
