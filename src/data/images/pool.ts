/** Worker threads that decode image files side by side. */
import type { Decoded, Job } from "./worker.ts";

export interface Decoder {
  /** Decodes a batch of files on the next free thread. The files' buffers are handed over: they are empty afterwards. */
  decode(files: readonly Uint8Array<ArrayBuffer>[]): Promise<Decoded>;
  /** Resolves when fewer batches wait than there are threads: until then, more would only fill memory. */
  room(): Promise<void>;
  [Symbol.dispose](): void;
}

/** @param size see `Job` */
export function createDecoder(size: number | undefined, threads: number = navigator.hardwareConcurrency): Decoder {
  const free: Worker[] = [];
  const all: Worker[] = [];
  const waiting: ((worker: Worker) => void)[] = [];
  let roomFor: (() => void)[] = [];

  const take = (): Promise<Worker> | Worker => {
    const idle = free.pop();
    if (idle) return idle;
    if (all.length < threads) {
      const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
      all.push(worker);
      return worker;
    }
    return new Promise((resolve) => waiting.push(resolve));
  };
  const giveBack = (worker: Worker) => {
    const next = waiting.shift();
    if (next) next(worker);
    else free.push(worker);
    if (waiting.length < threads) {
      for (const resolve of roomFor) resolve();
      roomFor = [];
    }
  };
  return {
    async decode(files) {
      const worker = await take();
      try {
        return await ask(worker, { files, size });
      } finally {
        giveBack(worker);
      }
    },
    async room() {
      if (waiting.length >= threads) await new Promise<void>((resolve) => roomFor.push(resolve));
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
