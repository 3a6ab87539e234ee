/**
 * Between the page and its worker, which owns the GPU: the page asks, the worker answers once and tells meanwhile. Plain
 * data; files go as bytes and never leave the device.
 */
import type { NamedBlob } from "../data/blob_files.ts";
import type { LatencyTable } from "../measure/latency/types.ts";
import type { Mode, SessionEvent, Variant } from "../measure/session/types.ts";
import type { WorkOffer } from "../sweep/phones/offer.ts";
import type { BackendEvent, BackendName } from "./fallback/backend.ts";
import type { BackendChoice } from "./fallback/choose.ts";
import type { GivenImages, GivenNetwork, PixelName, Prediction, ShrunkNetwork, WayName } from "./shrink/types.ts";

/** What the page can time: a network of the zoo, a file's or a run's that the server has, or one that was dropped on the page. */
export interface NetworkEntry {
  readonly id: string;
  readonly title: string;
  readonly source: "bundled" | "served" | "run" | "file";
  readonly variants: readonly { readonly variant: Variant; readonly params: number; readonly macs: number }[];
  /** Of images: channels, height, width. */
  readonly input: readonly [number, number, number];
  /** Fractions in 0…1 where the network is trained. */
  readonly accuracy?: { readonly dense: number; readonly pruned: number };
}

/** Calls by name: what the page sends and what comes back. */
export interface Calls {
  /** The networks that can be timed here. */
  networks: { request: Record<never, never>; answer: readonly NetworkEntry[] };
  /** Of the worker without WebGPU: the first backend that computes right here. */
  chooseBackend: { request: Record<never, never>; answer: BackendChoice };
  /** An .onnx or .safetensors file: adds a network, with a pruned form made of it where it can be pruned. */
  addFile: { request: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }; answer: NetworkEntry };
  /** The bytes of a file that the server offers, by the title of its entry. */
  servedFile: { request: { readonly name: string }; answer: { readonly bytes: Uint8Array<ArrayBuffer> } };
  /** Ends early where the call is stopped; what was found until then has been told. */
  measure: { request: MeasureRequest; answer: { readonly complete: boolean } };
  /**
   * Logits of a drawn digit, 8×8 values in 0…16, from both forms of the digits network, with the time that each takes by
   * itself; it is missing where the clock can't tell, or
   * other work keeps the device from telling.
   */
  classify: {
    request: { readonly pixels: readonly number[] };
    answer: readonly {
      readonly variant: Variant;
      readonly probabilities: readonly number[];
      readonly ms?: number;
    }[];
  };
  /** The `digits` recipe in this browser; goes on from the checkpoint where there is one and `resume` says so. */
  train: { request: { readonly resume: boolean }; answer: TrainResult };
  /** Is there a run to go on with? */
  trainState: { request: Record<never, never>; answer: { readonly resumable: boolean; readonly finished: boolean } };
  /** A file of the finished run: model.onnx, report.html. */
  trainFile: { request: { readonly name: string }; answer: { readonly bytes: Uint8Array<ArrayBuffer> } };
  /** An .onnx file that is to become smaller; the one before it is forgotten, with all that belongs to it. */
  shrinkNetwork: {
    request: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> };
    answer: GivenNetwork;
  };
  /** Images for it, without labels: single files, those of folders, archives. They are read where they are. */
  shrinkImages: { request: { readonly files: readonly NamedBlob[] }; answer: GivenImages };
  /** Finds out what its parts are worth. */
  shrinkLook: {
    request: { readonly way: WayName; readonly pixels: PixelName };
    answer: { readonly most: number };
  };
  /** What would be left, by what looking has found; `removed` is a fraction of the multiply-adds. */
  shrinkPredict: { request: { readonly way: WayName; readonly removed: number }; answer: Prediction };
  /** Makes, proves and judges it; `measure` knows it by the id that comes back. */
  shrinkMake: { request: { readonly way: WayName; readonly removed: number }; answer: ShrunkNetwork };
  /** The file of the network that was made last. */
  shrinkFile: { request: Record<never, never>; answer: { readonly bytes: Uint8Array<ArrayBuffer> } };
  /** Times each layer shape of a network at many widths. */
  buildTable: { request: { readonly network: string; readonly batch: number }; answer: LatencyTable };
  /** What the server has for phones to time; undefined where there is no server, or nothing. */
  workOffer: { request: Record<never, never>; answer: WorkOffer | undefined };
  /** Times what the server asks for, until that is done or the call is stopped. */
  work: { request: { readonly name: string }; answer: WorkResult };
}

export interface WorkResult {
  /** Answers of this device that count. */
  readonly counted: number;
  /** Whether there is nothing left to do. */
  readonly ended: boolean;
}

export interface WorkEvent {
  readonly kind: "work";
  readonly text: string;
  /** Missing where it is as it was. */
  readonly counted?: number;
}

export interface MeasureRequest {
  /** Ids of NetworkEntry. */
  readonly networks: readonly string[];
  readonly batches: readonly number[];
  readonly mode: Mode;
  /** Per network and batch size. */
  readonly seconds: number;
  /** Also the kernels against the roofline, and each layer. */
  readonly detail: boolean;
  /** Plans keep their numbers in f16, where the device has it; by default they don't. */
  readonly f16?: boolean;
  /** Of the worker without WebGPU: what is to compute, before the others are tried. */
  readonly backend?: BackendName;
}

export interface TrainResult {
  /** Undefined where it was stopped: `resume` goes on. */
  readonly report?: {
    readonly accuracy: { readonly dense: number; readonly pruned: number };
    readonly params: { readonly dense: number; readonly pruned: number };
    readonly macs: { readonly dense: number; readonly pruned: number };
  };
}

export interface TrainEvent {
  readonly stage: string;
  /** Since the call, in seconds. */
  readonly seconds: number;
  /** 0…1 of the run. */
  readonly progress: number;
  /** The rest of the run takes about so many seconds; missing where it can't be told yet. */
  readonly secondsLeft?: number;
  readonly loss?: number;
  readonly accuracy?: number;
  readonly note?: string;
  /** A line of its own, which isn't about the stage alone. */
  readonly told?: string;
}

export type CallName = keyof Calls;

/** What a call tells while it goes on. */
export type CallEvent = SessionEvent | TrainEvent | BackendEvent | WorkEvent;

export type ToWorker =
  | { [N in CallName]: { readonly id: number; readonly call: N; readonly request: Calls[N]["request"] } }[CallName]
  /** Ends call `id` early. */
  | { readonly id: number; readonly stop: true }
  | { readonly visibility: "visible" | "hidden" };

export type FromWorker =
  | { readonly id: number; readonly answer: unknown }
  /** `message` is for the person in front of the page; `internal` where it is our fault. */
  | { readonly id: number; readonly error: { readonly message: string; readonly internal: boolean } }
  | { readonly id: number; readonly event: CallEvent };
