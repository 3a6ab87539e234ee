/** log.jsonl: a line for each epoch and event. The checkpoint knows how long it was, and what stood there. */
import { UserError } from "../errors.ts";
import { sha256 } from "../formats/sha256.ts";
import type { Store } from "../store/types.ts";

/** How much of the log belongs to a checkpoint. */
export interface LogMark {
  readonly bytes: number;
  /** Of those bytes, in hexadecimal. */
  readonly sha256: string;
}

export interface RunLog {
  append(event: Readonly<Record<string, unknown>>): Promise<void>;
  /** Of all that was appended so far. */
  mark(): Promise<LogMark>;
}

/**
 * A log that goes on after `mark`, without the lines that a killed process wrote after its last checkpoint; without a
 * mark, an empty one.
 * @throws UserError where the file lacks lines that the checkpoint knows of, or holds others
 */
export async function openLog(store: Store, file: string, mark: LogMark | undefined): Promise<RunLog> {
  if (mark) await requireWhole(store, file, mark);
  await store.truncate(file, mark?.bytes ?? 0);
  return {
    append: (event) => store.append(file, JSON.stringify(event) + "\n"),
    async mark() {
      const bytes = await store.read(file) ?? new Uint8Array();
      return { bytes: bytes.length, sha256: await sha256(bytes) };
    },
  };
}

async function requireWhole(store: Store, file: string, mark: LogMark): Promise<void> {
  const bytes = await store.read(file) ?? new Uint8Array();
  const advice = "restore the file as it was, or start a new run";
  if (bytes.length < mark.bytes) {
    throw new UserError(
      `${file}: has ${bytes.length} bytes, and the checkpoint knows of ${mark.bytes}: lines are missing; ${advice}`,
    );
  }
  if (await sha256(bytes.slice(0, mark.bytes)) !== mark.sha256) {
    throw new UserError(`${file}: was changed since the checkpoint was written; ${advice}`);
  }
}
