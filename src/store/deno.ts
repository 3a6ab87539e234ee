import { UserError } from "../errors.ts";
import { isHidden, isInside, joinPath, normalisePath, parentOf, requireInside } from "./path.ts";
import type { ReadOptions, Store } from "./types.ts";

/**
 * The file system, paths relative to the working directory.
 *
 * A write goes to a hidden temporary file beside its target, is flushed to the disk and renamed over it. Each has a
 * temporary name of its own; what killed processes left behind goes with the next write.
 */
export function denoStore(): Store {
  const inTurn = queuePerPath();

  return {
    read(path, options = {}) {
      const file = normalisePath(path);
      return absentAs(undefined, "read", file, () => readRegular(file, options));
    },
    write(path, bytes) {
      const file = normalisePath(path);
      return inTurn(file, () => mapErrors("write", file, () => replaceFile(file, (handle) => writeAll(handle, bytes))));
    },
    append(path, text) {
      const file = normalisePath(path);
      return inTurn(file, () =>
        mapErrors("write", file, async () => {
          await makeFolder(parentOf(file));
          await Deno.writeTextFile(file, text, { append: true });
        }));
    },
    truncate(path, bytes) {
      const file = normalisePath(path);
      return inTurn(file, () =>
        absentAs(undefined, "write", file, async () => {
          if ((await Deno.stat(file)).size > bytes) await Deno.truncate(file, bytes);
        }));
    },
    size(path) {
      const file = normalisePath(path);
      return absentAs(undefined, "read", file, async () => {
        const info = await statRegular(file);
        return info.isFile ? info.size : undefined;
      });
    },
    async list(path) {
      const folder = normalisePath(path);
      const found: string[] = [];
      await mapErrors("list", folder, () => collect(folder, found));
      return found.sort();
    },
    remove(path) {
      const file = normalisePath(path);
      return inTurn(file, () =>
        absentAs(undefined, "remove", file, async () => {
          if ((await Deno.lstat(file)).isDirectory) {
            throw Object.assign(new Error("Is a directory"), { code: "EISDIR" });
          }
          await Deno.remove(file);
        }));
    },
  };
}

/** More than any network, and less than what a machine can't hold. */
export const LARGEST_BYTES = 2 ** 32;

/** Nothing is opened before it is known to be a regular file in its place: opening a pipe waits for a writer. */
async function readRegular(file: string, { within, most }: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
  if (within !== undefined) await requireWithin(file, normalisePath(within));
  const { size } = await statRegular(file);
  const bytes = Math.min(size, most ?? Infinity);
  if (bytes > LARGEST_BYTES) {
    throw new UserError(`cannot read ${file}: it has ${size} bytes; expected at most ${LARGEST_BYTES}`);
  }
  if (bytes === size) return await Deno.readFile(file);
  using handle = await Deno.open(file);
  const found = new Uint8Array(bytes);
  let done = 0;
  while (done < bytes) {
    const read = await handle.read(found.subarray(done));
    if (read === null) break;
    done += read;
  }
  return found.subarray(0, done);
}

/** @throws UserError for what is neither a file nor a folder, links followed */
async function statRegular(file: string): Promise<Deno.FileInfo> {
  const info = await Deno.stat(file);
  if (info.isFile || info.isDirectory) return info;
  throw new UserError(`cannot read ${file}: it is a pipe or a device; name a regular file`);
}

/** @throws UserError where the file, or what it links to, lies outside of the folder */
async function requireWithin(file: string, folder: string): Promise<void> {
  requireInside(file, folder);
  const [target, edge] = await Promise.all([Deno.realPath(file), Deno.realPath(folder || ".")]);
  const slashes = (path: string) => path.replaceAll("\\", "/");
  if (!isInside(slashes(target), slashes(edge))) {
    throw new UserError(
      `cannot read ${file}: a link on its way leads out of ${folder || "."}; put the file itself there`,
    );
  }
}

/**
 * Puts a file there as a whole, or leaves what was there: where `fill` throws, nothing of what it wrote stays.
 * @param file as `normalisePath` gives it
 * @throws what the system or `fill` does, as it is
 */
export async function replaceFile(file: string, fill: (handle: Deno.FsFile) => Promise<void>): Promise<void> {
  const folder = parentOf(file);
  await makeFolder(folder);
  const name = file.slice(file.lastIndexOf("/") + 1);
  const temporary = joinPath(folder, `.${name}.${OWN}-${++written}.tmp`);
  await sweep(folder, name);
  try {
    using handle = await Deno.open(temporary, { write: true, create: true, truncate: true });
    await fill(handle);
    await handle.sync();
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  try {
    await Deno.rename(temporary, file);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(folder);
}

export async function writeAll(handle: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await handle.write(bytes.subarray(done));
}

/** Files that this process has begun to write: two may be on their way to one place. */
let written = 0;

/** Of this process and no other, also after its number has been given to another one. */
const OWN = `${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;

/** Targets whose left-over temporary files this process has looked for. */
const swept = new Set<string>();

/** Removes what killed processes left beside a target: what is older than any write takes. */
async function sweep(folder: string, name: string): Promise<void> {
  const target = joinPath(folder, name);
  if (swept.has(target)) return;
  swept.add(target);
  for await (const entry of Deno.readDir(folder || ".")) {
    const isLeft = entry.name.startsWith(`.${name}.`) && entry.name.endsWith(".tmp");
    if (!isLeft) continue;
    const path = joinPath(folder, entry.name);
    const info = await Deno.stat(path).catch(() => undefined);
    if (info?.mtime && Date.now() - info.mtime.getTime() > STALE_MS) await Deno.remove(path).catch(() => {});
  }
}

const STALE_MS = 60_000;

/** The rename itself reaches the disk with its folder; systems that can't open a folder (Windows) need no such help. */
async function syncFolder(folder: string): Promise<void> {
  try {
    using handle = await Deno.open(folder || ".");
    await handle.sync();
  } catch { /* the data is safe, only the moment of the rename is the system's choice */ }
}

async function makeFolder(folder: string): Promise<void> {
  if (folder !== "") await Deno.mkdir(folder, { recursive: true });
}

async function collect(folder: string, found: string[]): Promise<void> {
  try {
    for await (const entry of Deno.readDir(folder || ".")) {
      const path = joinPath(folder, entry.name);
      if (entry.isDirectory) await collect(path, found);
      else if (!isHidden(entry.name) && (entry.isFile || entry.isSymlink && await leadsToFile(path))) found.push(path);
    }
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** Links to folders are left out: they may lead in circles. */
async function leadsToFile(link: string): Promise<boolean> {
  return await Deno.stat(link).then((info) => info.isFile, () => false);
}

/** Writes, appends and truncations of one path happen in the order in which they were asked for. */
function queuePerPath(): <T>(path: string, action: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return (path, action) => {
    const result = (last.get(path) ?? Promise.resolve()).then(action);
    const settled = result.catch(() => {}).then(() => {
      if (last.get(path) === settled) last.delete(path);
    });
    last.set(path, settled);
    return result;
  };
}

async function mapErrors<T>(verb: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw error instanceof UserError ? error : describeStoreError(error, verb, path);
  }
}

async function absentAs<T>(absent: T, verb: string, path: string, action: () => Promise<T>): Promise<T> {
  return await mapErrors(verb, path, async () => {
    try {
      return await action();
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return absent;
      throw error;
    }
  });
}

/** Tells what the system said, as one line with the path and the way out. */
export function describeStoreError(error: unknown, verb: string, path: string): UserError {
  const advice: Record<string, string> = {
    EACCES: "permission denied; change its permissions or choose a path of your own",
    EPERM: "permission denied; change its permissions or choose a path of your own",
    EROFS: "the file system is read-only; choose a path elsewhere",
    ENOTDIR: "a part of the path is a file, not a folder; choose another path",
    EEXIST: "a part of the path is a file, not a folder; choose another path",
    EISDIR: "it is a folder; name a file in it",
    ENOTEMPTY: "it is a folder; name a file in it",
    ENOSPC: "no space left on the device; free some or choose a path elsewhere",
    EDQUOT: "the disk quota is used up; free some space or choose a path elsewhere",
    ENAMETOOLONG: "the name is too long; choose a shorter one",
    ENOENT: "the system allows no file there; choose another path",
  };
  const what = `cannot ${verb} ${path || "."}`;
  if (error instanceof Deno.errors.NotCapable) {
    return new UserError(`${what}: Deno was started without the permission; run it with -A`);
  }
  const reason = advice[codeOf(error) ?? ""] ?? (error instanceof Error ? error.message.split("\n")[0] : String(error));
  return new UserError(`${what}: ${reason}`);
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
