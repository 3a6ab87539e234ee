/** Says what a timing job is about, so that an answer can't be taken for another job's. */
import { sha256 } from "../../formats/sha256.ts";
import type { TimingJob } from "./types.ts";

/** Gives the SHA-256, in hexadecimal, of what is timed. Graphs that went over the network as JSON have the same. */
export async function shapeId({ graph, batch, timed }: Omit<TimingJob, "shape" | "title">): Promise<string> {
  return await sha256(new TextEncoder().encode(JSON.stringify([graph, batch, timed])));
}

/** Makes the job of what is to be timed. */
export async function timingJob(asked: Omit<TimingJob, "shape">): Promise<TimingJob> {
  return { ...asked, shape: await shapeId(asked) };
}
