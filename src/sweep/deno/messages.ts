/** What a worker and the process that does its work say to each other: JSON, a line each, over stdin and stdout. */
import type { Outcome } from "../worker.ts";
import type { Job } from "../queue/queue.ts";
import type { DataMark } from "../job.ts";
import type { Recipe } from "../../recipe/schema.ts";

export type ToWork =
  | { readonly is: "probe"; readonly recipe?: Recipe; readonly plans?: "kept" }
  | { readonly is: "job"; readonly job: Job }
  | { readonly is: "stop" };

export type FromWork =
  | { readonly is: "probed"; readonly probed: Probed }
  | { readonly is: "refused"; readonly reason: string }
  | { readonly is: "progress"; readonly text: string }
  | { readonly is: "outcome"; readonly outcome: Outcome };

/** What a sweep has to know of a machine before it begins. */
export interface Probed {
  readonly adapter: string;
  /** Of the recipe's data, where one was given. */
  readonly data?: DataMark;
  /** Kernel plans that were kept for this adapter, as text, where they were asked for. */
  readonly plans?: string;
}

/** What the work's process is told on its command line, as JSON. */
export interface WorkSettings {
  readonly store: string;
  /** Where jobs that are being done have their folders. */
  readonly work: string;
  readonly dataDir?: string;
  readonly worker: string;
}

/** Lines of a stream, without their ends; what is behind the last end is no line. */
export async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (
    const chunk of stream.pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>)
  ) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}
