/** What computes layers in WebGPU's place. */
import type { Backend as BackendName } from "../../report/devices/record.ts";
import type { LayerWork } from "./work.ts";

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
