/**
 * A queue in one file of one machine: `queue.jsonl`, to which records are only ever appended, by one process at a time. The
 * operating system holds the lock and lets go of it when its owner dies. A line that a killed process, or a full disk, has cut off
 * is cut away by the next one that writes.
 */
import { UserError } from "../../errors.ts";
import { describeStoreError } from "../../store/deno.ts";
import { type Decided, type Journal, journalQueue } from "../queue/journal_queue.ts";
import { type JournalRecord, JournalState } from "../queue/journal_state.ts";
import { type Queue, type QueueRules, RULES } from "../queue/queue.ts";

/** Name of the file in the sweep's folder. */
export const JOURNAL = "queue.jsonl";

export interface JournalOptions {
  readonly rules?: QueueRules;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** @throws UserError where the folder's file can't be opened */
export async function openJournal(dir: string, { rules = RULES, now = Date.now }: JournalOptions = {}): Promise<Queue> {
  const file = await JournalFile.open(dir, rules);
  return journalQueue(file, now);
}

class JournalFile implements Journal {
  readonly state: JournalState;
  /** Bytes of whole lines that the state knows of. */
  #known = 0;
  /** Transactions of this process happen one after the other: the lock is the whole process's. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(readonly path: string, readonly handle: Deno.FsFile, rules: QueueRules) {
    this.state = new JournalState(rules);
  }

  static async open(dir: string, rules: QueueRules): Promise<JournalFile> {
    const path = `${dir}/${JOURNAL}`;
    try {
      await Deno.mkdir(dir, { recursive: true });
      return new JournalFile(path, await Deno.open(path, { read: true, write: true, create: true }), rules);
    } catch (error) {
      throw describeStoreError(error, "open", path);
    }
  }

  transact<T>(decide: () => Decided<T>): Promise<T> {
    const result = this.#last.then(() => this.#transact(decide));
    this.#last = result.catch(() => {});
    return result;
  }

  async #transact<T>(decide: () => Decided<T>): Promise<T> {
    const { handle, path } = this;
    try {
      await handle.lock(true);
      try {
        // The file is there by its name: a store that was removed is no queue.
        await Deno.stat(path);
        await this.#read();
        const { records = [], answer } = decide();
        if (records.length > 0) await this.#append(records.map((record) => JSON.stringify(record) + "\n").join(""));
        for (const record of records) this.state.apply(record);
        return answer;
      } finally {
        await handle.unlock();
      }
    } catch (error) {
      throw error instanceof UserError ? error : describeStoreError(error, "write", path);
    }
  }

  /** Takes in what others have written since. */
  async #read(): Promise<void> {
    const { size } = await this.handle.stat();
    if (size === this.#known) return;
    if (size < this.#known) {
      throw new UserError(
        `${this.path}: is shorter than it was: restore it, or begin the sweep anew in another folder`,
      );
    }
    await this.handle.seek(this.#known, Deno.SeekMode.Start);
    const bytes = new Uint8Array(size - this.#known);
    for (let done = 0; done < bytes.length;) {
      const read = await this.handle.read(bytes.subarray(done));
      if (read === null) break;
      done += read;
    }
    const whole = bytes.lastIndexOf(10) + 1;
    const lines = new TextDecoder().decode(bytes.subarray(0, whole)).split("\n");
    for (const [i, line] of lines.entries()) if (line !== "") this.state.apply(this.#parse(line, i));
    this.#known += whole;
  }

  #parse(line: string, number: number): JournalRecord {
    try {
      return JSON.parse(line);
    } catch {
      throw new UserError(
        `${this.path}: a line is no record (number ${
          number + 1
        } of those read last): restore the file, or begin the sweep ` +
          "anew in another folder",
      );
    }
  }

  /** Behind the last whole line. Where not all of it can be written, nothing of it stays. */
  async #append(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    await this.handle.truncate(this.#known);
    await this.handle.seek(this.#known, Deno.SeekMode.Start);
    try {
      for (let done = 0; done < bytes.length;) done += await this.handle.write(bytes.subarray(done));
    } catch (error) {
      await this.handle.truncate(this.#known);
      throw error;
    }
    this.#known += bytes.length;
  }

  close(): void {
    this.handle.close();
  }
}
