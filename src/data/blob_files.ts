/** Files that somebody gives a page: single ones, those of a folder, and what is in archives among them. */
import { type UnzipFileInfo, unzipSync } from "fflate";
import { show, UserError } from "../errors.ts";
import type { Files, Visitor } from "./files.ts";
import { readTar } from "./tar.ts";
import { gunzipStream, unpack } from "./unpack.ts";

/** A file with its path below the folder that was chosen, or its name. */
export interface NamedBlob {
  readonly path: string;
  readonly blob: Blob;
}

/** Without a name of their own, many files are called this in errors. */
const TOGETHER = "the images";

/**
 * @param given files in any order; .zip, .tar and .tar.gz among them count as what they hold
 * @returns files that can be read several times, as long as they stay where they are
 */
export function blobFiles(given: readonly NamedBlob[]): Files {
  const name = given.length === 1 ? given[0].path : TOGETHER;
  return {
    name,
    fingerprint: JSON.stringify(given.map(({ path, blob }) => [path, blob.size])),
    mostDecoded: Infinity,
    async read(visitor) {
      for (const { path, blob } of given) {
        const archive = ARCHIVES.find(([ending]) => ending.test(path));
        try {
          if (archive) await archive[1](path, blob, below(path, visitor));
          else if (visitor.wants(path, blob.size)) {
            visitor.file(path, new Uint8Array(await blob.arrayBuffer()));
            await visitor.room?.();
          }
        } catch (error) {
          // The browser says NotReadableError or NotFoundError of a file that was moved, changed or locked.
          if (!(error instanceof DOMException) || error.name === "AbortError") throw error;
          throw new UserError(`${path}: can't be read any more: it was moved or changed; choose it again`);
        }
      }
    },
  };
}

type ReadArchive = (path: string, blob: Blob, visitor: Visitor) => Promise<void>;

const ARCHIVES: readonly (readonly [ending: RegExp, read: ReadArchive])[] = [
  [/\.tar$/i, (path, blob, visitor) => readTar(chunks(blob.stream()), path, visitor)],
  [/\.(tar\.gz|tgz)$/i, (path, blob, visitor) => readTar(gunzipped(path, blob), path, visitor)],
  [/\.zip$/i, readZip],
  [
    /\.(tar\.(xz|bz2|zst)|txz|tbz2?|7z|rar|xz)$/i,
    (path) => {
      throw new UserError(
        `${path}: is of a kind that isn't unpacked here: unpack it and give the folder, or pack it as .zip or .tar.gz`,
      );
    },
  ],
];

/** A file of an archive comes with the archive's name in front, so that two archives may hold the same names. */
function below(archive: string, visitor: Visitor): Visitor {
  return {
    ...visitor,
    wants: (path, bytes) => visitor.wants(`${archive}/${path}`, bytes),
    file: (path, bytes) => visitor.file(`${archive}/${path}`, bytes),
    folder: (path) => visitor.folder?.(`${archive}/${path}`),
  };
}

/** As archives of a folder on a disk are bounded: a small one can't fill the memory, and skipped bytes cost time only. */
const MOST_UNPACKED = 2 ** 32;

function gunzipped(path: string, blob: Blob): AsyncIterable<Uint8Array> {
  return unpack(blob.stream(), {
    file: path,
    size: blob.size,
    most: MOST_UNPACKED,
    format: "gzip",
    decompress: (packed) => chunks(gunzipStream(packed)),
  });
}

/** Some browsers' streams aren't iterable. */
async function* chunks(stream: ReadableStream<Uint8Array<ArrayBuffer>> | ReadableStream<Uint8Array>) {
  const reader = (stream as ReadableStream<Uint8Array>).getReader();
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) yield value!;
  } finally {
    await reader.cancel();
  }
}

/** A zip file's directory is at its end, so all of it is held while it is read. */
const LARGEST_ZIP = 2 ** 29;
/** Of an entry, unpacked: more than a photograph has. */
const LARGEST_ENTRY = 2 ** 26;
/** Entries that are unpacked at once. */
const TOGETHER_UNPACKED = 16;

async function readZip(path: string, blob: Blob, visitor: Visitor): Promise<void> {
  if (blob.size > LARGEST_ZIP) {
    throw new UserError(
      `${path}: has ${blob.size} bytes, expected a .zip of at most ${LARGEST_ZIP}: unpack it and give the folder`,
    );
  }
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const wanted: string[] = [];
  unzipped(path, bytes, ({ name, originalSize }) => {
    if (name.endsWith("/") || !visitor.wants(name, originalSize)) return false;
    if (originalSize > LARGEST_ENTRY) {
      throw new UserError(`${path}: ${show(name)} has ${originalSize} bytes, expected at most ${LARGEST_ENTRY}`);
    }
    wanted.push(name);
    return false;
  });
  for (let at = 0; at < wanted.length; at += TOGETHER_UNPACKED) {
    const some = new Set(wanted.slice(at, at + TOGETHER_UNPACKED));
    for (const [name, file] of Object.entries(unzipped(path, bytes, ({ name }) => some.has(name)))) {
      visitor.file(name, new Uint8Array(file));
    }
    await visitor.room?.();
  }
}

function unzipped(path: string, bytes: Uint8Array, filter: (entry: UnzipFileInfo) => boolean) {
  try {
    return unzipSync(bytes, { filter });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path}: not a whole zip file (${(error as Error).message}): copy or download it again`);
  }
}
