/**
 * One process for a folder. The operating system holds the lock, on a hidden file, and lets go of it when its owner dies,
 * however that happens and whoever has the process's number by then; the file only says who it is.
 */
import { UserError } from "../errors.ts";
import { describeStoreError } from "./deno.ts";
import { joinPath, LOCK_NAME, normalisePath } from "./path.ts";

/** What the file says of the process that holds the lock. */
interface Owner {
  readonly pid: number;
  /** When it took the lock, ISO 8601. */
  readonly started: string;
}

/**
 * Takes the folder, making it where there is none; it is free again once the result is disposed of.
 * @throws UserError naming the process that has it
 */
export async function lockFolder(path: string): Promise<AsyncDisposable> {
  const folder = normalisePath(path);
  const file = joinPath(folder, LOCK_NAME);
  try {
    if (folder !== "") await Deno.mkdir(folder, { recursive: true });
    // Whoever had the file before may have removed it after this process had opened it: then it is nobody's lock.
    for (;;) {
      const handle = await Deno.open(file, { read: true, write: true, create: true });
      // A file system without locks (some network drives) can't be guarded: the run goes on.
      const mine = await handle.tryLock(true).catch(() => undefined);
      if (mine === false) {
        handle.close();
        throw new UserError(`${path}: ${await ownerOf(file)} is at work in this folder: wait for it, or stop it first`);
      }
      if (await isStill(handle, file)) return await held(handle, file);
      handle.close();
    }
  } catch (error) {
    throw error instanceof UserError ? error : describeStoreError(error, "lock", file);
  }
}

async function held(handle: Deno.FsFile, file: string): Promise<AsyncDisposable> {
  const owner: Owner = { pid: Deno.pid, started: new Date().toISOString() };
  await handle.truncate();
  await handle.write(new TextEncoder().encode(JSON.stringify(owner)));
  let mine = true;
  return {
    async [Symbol.asyncDispose]() {
      if (!mine) return;
      mine = false;
      await Deno.remove(file).catch(() => {});
      handle.close();
    },
  };
}

/** Whether the open file is the one that lies there by its name. */
async function isStill(handle: Deno.FsFile, file: string): Promise<boolean> {
  const [opened, there] = [await handle.stat(), await Deno.stat(file).catch(() => undefined)];
  return there !== undefined && opened.ino === there.ino && opened.dev === there.dev;
}

/** Who has the lock. It says so right after it took it: a moment's patience, and no more, for one that has just come. */
async function ownerOf(file: string): Promise<string> {
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      const { pid, started }: Owner = JSON.parse(await Deno.readTextFile(file));
      return `process ${pid} (since ${started})`;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return "another process";
}
