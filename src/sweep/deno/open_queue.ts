/** The queue that a command line names. */
import { UserError } from "../../errors.ts";
import type { Queue } from "../queue/queue.ts";
import { JOURNAL, openJournal } from "./journal.ts";

/** @throws UserError where there is none, or of a kind that there isn't */
export async function openQueue(where: string): Promise<Queue> {
  const kind = /^([a-z]+):\/\//.exec(where)?.[1];
  if (kind !== undefined) throw new UserError(`${where}: no queue of the kind ${kind}; give the folder of a sweep`);
  const there = await Deno.stat(`${where}/${JOURNAL}`).then((info) => info.isFile, () => false);
  if (!there) {
    throw new UserError(`${where} holds no sweep: ${JOURNAL} is missing; name the folder of one that has begun`);
  }
  return await openJournal(where);
}
