/** Worker threads that decode image files side by side, as many as fit in a bounded part of the memory. */
import { decodingBytes } from "./header.ts";
import type { Decoded, Job } from "./worker.ts";

export interface Decoder {
  /** Decodes a batch of files on the next free thread. The files' buffers are handed over: they are empty afterwards. */
  decode(files: readonly Uint8Array<ArrayBuffer>[]): Promise<Decoded>;
  /** Resolves when little waits to be decoded: until then, more would only fill memory. */
  room(): Promise<void>;
  [Symbol.dispose](): void;
}

interface Batch {
  readonly files: readonly Uint8Array<ArrayBuffer>[];
  /** What decoding it takes, in bytes, at most. */
  readonly cost: number;
  readonly done: PromiseWithResolvers<Decoded>;
}

/** Of all batches that are being decoded; one that takes more is decoded alone. */
const MOST_AT_WORK = 2 ** 28;
/** A decoder loses some of its stack with each damaged file, and after some hundreds refuses good ones or doesn't end. */
const MOST_DAMAGED = 64;
/** Of the files that wait. */
const MOST_WAITING = 2 ** 25;

/** @param size see `Job` */
export function createDecoder(size: number | undefined, threads: number = navigator.hardwareConcurrency): Decoder {
  const free: Worker[] = [];
  const all: Worker[] = [];
  /** How many damaged files a thread has met. */
  const damaged = new Map<Worker, number>();
  const waiting: Batch[] = [];
  let atWork = 0;
  let roomFor: (() => void)[] = [];

  const take = (): Worker | undefined => {
    if (free.length > 0 || all.length === threads) return free.pop();
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    all.push(worker);
    return worker;
  };
  const begin = async (worker: Worker, { files, cost, done }: Batch): Promise<void> => {
    atWork += cost;
    try {
      const decoded = await ask(worker, { files, size });
      damaged.set(worker, (damaged.get(worker) ?? 0) + decoded.filter((one) => typeof one === "string").length);
      done.resolve(decoded);
    } catch (error) {
      done.reject(error);
    }
    atWork -= cost;
    if ((damaged.get(worker) ?? 0) < MOST_DAMAGED) free.push(worker);
    else {
      worker.terminate();
      all.splice(all.indexOf(worker), 1);
    }
    proceed();
  };
  const isFull = () =>
    waiting.length >= threads ||
    waiting.reduce((sum, { files }) => sum + files.reduce((sum, { length }) => sum + length, 0), 0) > MOST_WAITING;
  const proceed = () => {
    while (waiting.length > 0 && (atWork === 0 || atWork + waiting[0].cost <= MOST_AT_WORK)) {
      const worker = take();
      if (!worker) break;
      begin(worker, waiting.shift()!);
    }
    if (isFull()) return;
    for (const resolve of roomFor) resolve();
    roomFor = [];
  };
  return {
    decode(files) {
      const cost = files.reduce((sum, bytes) => sum + decodingBytes(bytes), 0);
      const done = Promise.withResolvers<Decoded>();
      waiting.push({ files, cost, done });
      proceed();
      return done.promise;
    },
    async room() {
      if (isFull()) await new Promise<void>((resolve) => roomFor.push(resolve));
    },
    [Symbol.dispose]() {
      for (const worker of all) worker.terminate();
    },
  };
}

function ask(worker: Worker, job: Job): Promise<Decoded> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`the image decoder stopped: ${event.message}`));
    };
    worker.postMessage(job, [...new Set(job.files.map(({ buffer }) => buffer))]);
  });
}
