/** Files of a folder, or of a tar archive read in place. */
import xz from "xz-decompress";
import { UserError } from "../errors.ts";
import type { Files, Visitor } from "./files.ts";
import { readTar } from "./tar.ts";
import { gunzipStream, type Packed, unpack } from "./unpack.ts";

/** Throws UserError where there is nothing, or an archive of a kind that isn't read. */
export async function openFiles(path: string): Promise<Files> {
  const info = await attempt(path, () => Deno.stat(path));
  if (info.isDirectory) return await openFolder(path);
  if (!info.isFile) throw new UserError(`${path}: is a device or a pipe, expected a folder or an archive`);
  const compression = compressionOf(path);
  return {
    name: path,
    fingerprint: JSON.stringify([info.size, info.mtime?.getTime()]),
    mostDecoded: 2 ** 25 + MOST_RATIO * info.size,
    read: (visitor) => readArchive(path, info.size, compression, visitor),
  };
}

/**
 * How many bytes may come of one in an archive, beside a constant that small archives have: images of photographs give some
 * 50, drawings of few colours 100.
 */
const MOST_RATIO = 128;

type Compression = "none" | "gzip" | "xz";

const ARCHIVES: readonly (readonly [ending: RegExp, compression: Compression])[] = [
  [/\.tar$/i, "none"],
  [/\.(tar\.gz|tgz)$/i, "gzip"],
  [/\.(tar\.xz|txz)$/i, "xz"],
];

const DECOMPRESS: Readonly<Record<Exclude<Compression, "none">, Packed["decompress"]>> = {
  gzip: gunzipStream,
  xz: (packed) => new xz.XzReadableStream(packed),
};

function compressionOf(path: string): Compression {
  const known = ARCHIVES.find(([ending]) => ending.test(path));
  if (known) return known[1];
  throw new UserError(
    `${path}: a file, expected a folder or an archive that ends in .tar, .tar.gz or .tar.xz: unpack it into a folder`,
  );
}

async function readArchive(path: string, size: number, compression: Compression, visitor: Visitor): Promise<void> {
  using file = await attempt(path, () => Deno.open(path));
  try {
    if (compression === "none") return await readTar(file.readable, path, visitor);
    const most = 2 ** 30 + MOST_RATIO * size;
    const packed = { file: path, size, most, format: compression, decompress: DECOMPRESS[compression] };
    await readTar(unpack(file.readable, packed), path, visitor);
  } catch (error) {
    throw error instanceof UserError ? error : broken(path, error);
  }
}

interface Listed {
  readonly path: string;
  readonly size: number;
  readonly changed: number | undefined;
}

/** How many files, and bytes of them, are read at once. */
const AT_ONCE = { files: 64, bytes: 2 ** 25 } as const;

async function openFolder(root: string): Promise<Files> {
  const files: Listed[] = [];
  const folders: string[] = [];
  await walk(root, "", [await attempt(root, () => Deno.realPath(root))], files, folders);
  files.sort((a, b) => a.path < b.path ? -1 : 1);
  return {
    name: root,
    fingerprint: JSON.stringify([folders.sort(), files.map(({ path, size, changed }) => [path, size, changed])]),
    mostDecoded: Infinity,
    async read(visitor) {
      for (const folder of folders) visitor.folder?.(folder);
      const wanted = files.filter(({ path, size }) => visitor.wants(path, size));
      for (const some of portions(wanted)) {
        await Promise.all(
          some.map(async ({ path }) => {
            const full = `${root}/${path}`;
            visitor.file(path, await attempt(full, () => Deno.readFile(full)));
          }),
        );
        await visitor.room?.();
      }
    },
  };
}

/** The files in order, as many together as are read at once. */
function* portions(files: readonly Listed[]): Generator<readonly Listed[]> {
  let portion: Listed[] = [];
  let bytes = 0;
  for (const file of files) {
    if (portion.length === AT_ONCE.files || (portion.length > 0 && bytes + file.size > AT_ONCE.bytes)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(file);
    bytes += file.size;
  }
  if (portion.length > 0) yield portion;
}

/** Follows links, to files and to folders, but not in circles. `above` holds the real paths of the folders on the way. */
async function walk(
  root: string,
  folder: string,
  above: readonly string[],
  files: Listed[],
  folders: string[],
): Promise<void> {
  const full = (path: string) => path === "" ? root : `${root}/${path}`;
  const entries = await attempt(full(folder), () => Array.fromAsync(Deno.readDir(full(folder))));
  const deeper: string[] = [];
  await Promise.all(entries.map(async ({ name }) => {
    if (name.startsWith(".")) return;
    const path = folder === "" ? name : `${folder}/${name}`;
    // Deno puts this character where a name's bytes aren't UTF-8, and then can't open it.
    if (name.includes("\uFFFD")) throw new UserError(`${full(path)}: its name isn't valid UTF-8: rename it`);
    const info = await attempt(full(path), () => Deno.stat(full(path)));
    if (info.isDirectory) deeper.push(path);
    else if (!info.isFile) throw new UserError(`${full(path)}: is a device or a pipe, expected files: remove it`);
    else files.push({ path, size: info.size, changed: info.mtime?.getTime() });
  }));
  for (const path of deeper) {
    const real = await attempt(full(path), () => Deno.realPath(full(path)));
    if (above.includes(real)) throw new UserError(`${full(path)}: a link that leads to a folder above it: remove it`);
    folders.push(path);
    await walk(root, path, [...above, real], files, folders);
  }
}

async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new UserError(`${path}: no such folder or file: check the path`);
    }
    throw broken(path, error);
  }
}

function broken(path: string, error: unknown): UserError {
  const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
  return new UserError(`${path}: could not be read (${reason}): check its permissions and that it is whole`);
}
