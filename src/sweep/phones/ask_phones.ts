/** Has jobs timed by phones, over a queue, and waits for what they come to. */
import { UserError } from "../../errors.ts";
import type { TimingJob } from "../../measure/asked/types.ts";
import type { Queue } from "../queue/queue.ts";
import { phoneJob, type PhonePayload } from "./phone_worker.ts";
import type { TimingResult, TimingResults } from "./timing_results.ts";
import { wait } from "../wait.ts";

export interface AskOptions {
  readonly queue: Queue;
  readonly results: TimingResults;
  readonly signal: AbortSignal;
  /** Told how many are done. */
  readonly progress?: (done: number, total: number) => void;
}

/** A job's result; or why there is none. */
export type Told = TimingResult | { readonly failed: string };

const POLL_MS = 100;

/**
 * Gives what became of each job, by shape. What was timed before isn't asked again.
 * @throws what `signal` was aborted with
 */
export async function askPhones(
  payloads: readonly PhonePayload[],
  { queue, results, signal, progress = () => {} }: AskOptions,
): Promise<ReadonlyMap<string, Told>> {
  const told = new Map<string, Told>();
  const missing = new Map<string, PhonePayload>();
  for (const payload of payloads) {
    const found = await results.read(payload.job.shape);
    if (found) told.set(found.shape, found);
    else missing.set(payload.job.shape, payload);
  }
  let { cursor } = await queue.finished();
  await queue.add([...missing.values()].map(phoneJob));
  const total = told.size + missing.size;
  for (;;) {
    progress(told.size, total);
    if (told.size === total) return told;
    await wait(POLL_MS, signal);
    signal.throwIfAborted();
    const finished = await queue.finished(cursor);
    cursor = finished.cursor;
    for (const { id, failed } of finished.jobs) {
      if (!missing.has(id)) continue;
      const result = failed === undefined ? await results.read(id) : undefined;
      told.set(id, result ?? { failed: failed ?? "its result is lost" });
    }
  }
}

/** @throws UserError where it couldn't be timed */
export function timed(told: ReadonlyMap<string, Told>, { shape, title }: TimingJob): TimingResult {
  const found = told.get(shape);
  if (!found || "failed" in found) {
    throw new UserError(`${title} couldn't be timed: ${found?.failed ?? "it wasn't asked"}`);
  }
  return found;
}
