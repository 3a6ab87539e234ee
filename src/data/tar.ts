/** The files of a tar archive, from its stream and without unpacking it to a disk. */
import { parseTar, type TarHeader } from "@remix-run/tar-parser";
import { show, UserError } from "../errors.ts";
import type { Visitor } from "./files.ts";

/** A header may promise any size: more than an image or a data set's file has is refused before it is allocated. */
const LARGEST_BYTES = 2 ** 28;
const BLOCK_BYTES = 512;

/**
 * @param file names the archive in errors
 * @throws UserError where the archive is damaged or cut off, or an entry is a link, a device, too large or leads outside
 */
export async function readTar(archive: AsyncIterable<Uint8Array>, file: string, visitor: Visitor): Promise<void> {
  const seen = new Set<string>();
  let failure: unknown;
  const paced = async function* (): AsyncGenerator<Uint8Array> {
    const end = endOfArchive();
    for await (const chunk of archive) {
      end.see(chunk);
      yield chunk;
      if (failure) throw failure;
      await visitor.room?.();
    }
    if (!end.seen()) throw new UserError(`${file}: is cut off, expected a tar archive with its end: fetch it again`);
  };
  try {
    await parseTar(paced(), async (entry) => {
      try {
        const path = safePath(entry.name, file);
        if (path === "") return;
        if (entry.header.type === "directory") return visitor.folder?.(path);
        requireFile(entry.header, path, file);
        if (seen.has(path)) throw new UserError(`${file}: holds ${show(path)} twice, expected each file once`);
        seen.add(path);
        if (visitor.wants(path)) visitor.file(path, await entry.bytes() as Uint8Array<ArrayBuffer>);
      } catch (error) {
        failure ??= error;
      }
    });
    if (failure) throw failure;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${file}: no whole tar archive: ${(error as Error).message}`);
  }
}

/** The name without "." and doubled slashes; "" for the archive's own root. */
function safePath(name: string, file: string): string {
  const names = name.split("/").filter((part) => part !== "" && part !== ".");
  if (name.startsWith("/") || name.includes("\\") || names.includes("..")) {
    throw new UserError(`${file}: entry ${show(name)} leads out of the archive, expected paths inside: pack it anew`);
  }
  return names.join("/");
}

function requireFile({ type, size }: TarHeader, path: string, file: string): void {
  if (type === "symlink" || type === "link") {
    throw new UserError(
      `${file}: ${
        show(path)
      } is a link, expected files and folders: pack it with \`tar --dereference --hard-dereference\``,
    );
  }
  if (type !== "file" && type !== "contiguous-file") {
    throw new UserError(`${file}: ${show(path)} is a ${type}, expected files and folders`);
  }
  if (!(size >= 0 && size <= LARGEST_BYTES)) {
    throw new UserError(`${file}: ${show(path)} has ${size} bytes, expected at most ${LARGEST_BYTES}`);
  }
}

/** Whether a stream ends with a block of zeros, as every whole archive does; the parser doesn't look. */
function endOfArchive(): { see(chunk: Uint8Array): void; seen(): boolean } {
  let bytes = 0;
  let zeros = 0;
  return {
    see(chunk) {
      bytes += chunk.length;
      const last = chunk.findLastIndex((byte) => byte !== 0);
      zeros = last < 0 ? zeros + chunk.length : chunk.length - 1 - last;
    },
    seen: () => bytes % BLOCK_BYTES === 0 && zeros >= BLOCK_BYTES,
  };
}
