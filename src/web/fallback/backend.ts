/** What computes layers in WebGPU's place. */
import type { Backend as RecordBackend } from "../../report/devices/record.ts";
import type { LayerWork } from "./work.ts";

export type BackendName = Exclude<RecordBackend, "webgpu">;

/** In the order in which they are tried: the GPU first, then the processor, the fastest way first. */
export const BACKENDS: readonly BackendName[] = ["gpu.js webgl2", "webassembly", "gpu.js webasm", "gpu.js cpu"];

/** A backend that hasn't been opened. */
export interface Candidate {
  readonly name: BackendName;
  /** @throws Error saying what this browser lacks for it */
  open(): Backend | Promise<Backend>;
}

/** A session is told that this backend computes from now on: what it told before was another one's. */
export interface BackendEvent {
  readonly kind: "backend";
  readonly backend: BackendName;
}

/** The browser took the GPU away: another backend of the same kind may get it again. */
export class BackendLostError extends Error {
  override readonly name = "BackendLostError";
}

export interface Prepared {
  /** Computes the layer `times` times, and comes back when the last result is there. */
  run(times: number): void;
  /** [N, F, OH, OW] of the last run, row by row. */
  result(): Float32Array;
  dispose(): void;
}

export interface Backend {
  /** Whether it can't be used any more, as far as the browser has told. */
  readonly lost: () => boolean;
  readonly name: BackendName;
  /** What computes, as the browser tells: the GPU's name, or the engine. */
  readonly description: string;
  /** The processor computes, not a GPU. */
  readonly software: boolean;
  /** Largest error that its arithmetic is allowed, of the largest result. */
  readonly tolerance: number;
  /** @param x [N,C,H,W] @param w [F,C/groups,KH,KW] */
  prepare(work: LayerWork, x: Float32Array<ArrayBuffer>, w: Float32Array<ArrayBuffer>): Prepared;
  dispose(): void;
}
