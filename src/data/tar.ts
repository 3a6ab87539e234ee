/** The files of a tar archive, from its stream and without unpacking it to a disk. */
import { parseTarHeader, type TarHeader } from "@remix-run/tar-parser";
import { show, UserError } from "../errors.ts";
import type { Visitor } from "./files.ts";

/** A header may promise any size: more than an image or a data set's file has is refused before it is allocated. */
const LARGEST_BYTES = 2 ** 28;
/** Of headers that hold a long name; systems know none above 4096 bytes. */
const LONGEST_NAME = 2 ** 16;
/** Of the names of all files and folders that are wanted: they are kept, and pack well. */
const ALL_NAMES = 2 ** 26;
const BLOCK_BYTES = 512;

/**
 * One entry is in memory at a time, and none that the visitor doesn't want.
 * @param file names the archive in errors
 * @throws UserError where the archive is damaged or cut off, or an entry is a link, a device, too large or leads outside
 */
export async function readTar(archive: AsyncIterable<Uint8Array>, file: string, visitor: Visitor): Promise<void> {
  const input = createInput(archive);
  const keep = keeper(file);
  let named: LongName = {};
  let ended = false;
  try {
    for (let block = await input.block(); block; block = await input.block()) {
      ended = block.every((byte) => byte === 0);
      if (ended) continue;
      const at = input.position() - BLOCK_BYTES;
      const header = headerOf(block, file, at);
      if (LONG_NAMES.includes(header.type)) {
        named = { ...named, ...await longName(header, input, file) };
        continue;
      }
      await visit({ ...header, ...named }, input, { file, visitor, keep });
      named = {};
      await visitor.room?.();
    }
    if (!ended) throw new CutOff();
  } catch (error) {
    if (!(error instanceof CutOff)) throw error;
    throw new UserError(
      `${file}: is cut off after ${input.position()} bytes of its tar archive, expected its end: fetch it again`,
    );
  } finally {
    await input.close();
  }
}

interface Reading {
  readonly file: string;
  readonly visitor: Visitor;
  readonly keep: (path: string) => void;
}

async function visit(header: TarHeader, input: Input, { file, visitor, keep }: Reading): Promise<void> {
  const { type, size } = header;
  const path = safePath(header.name, file);
  if (!(Number.isSafeInteger(size) && size >= 0 && size <= LARGEST_BYTES)) {
    throw new UserError(`${file}: ${show(path)} has ${size} bytes, expected at most ${LARGEST_BYTES}`);
  }
  if (path === "" || type === "directory") {
    if (path === "") return await input.skip(type === "directory" ? 0 : padded(size));
    keep(`${path}/`);
    return visitor.folder?.(path);
  }
  requireFile(header, path, file);
  if (!visitor.wants(path, size)) return await input.skip(padded(size));
  keep(path);
  const bytes = new Uint8Array(size);
  await input.fill(bytes);
  await input.skip(padded(size) - size);
  visitor.file(path, bytes);
}

/** Refuses what comes twice, and names that together are too long to be kept. */
function keeper(file: string): (path: string) => void {
  const seen = new Set<string>();
  let length = 0;
  return (path) => {
    if (seen.has(path) && !path.endsWith("/")) {
      throw new UserError(`${file}: holds ${show(path)} twice, expected each file once`);
    }
    seen.add(path);
    length += path.length;
    if (length > ALL_NAMES) throw new UserError(`${file}: its names have more than ${ALL_NAMES} characters together`);
  };
}

function headerOf(block: Uint8Array, file: string, at: number): TarHeader {
  try {
    return parseTarHeader(block);
  } catch (error) {
    throw new UserError(`${file}: no whole tar archive: at byte ${at} of it: ${(error as Error).message}`);
  }
}

/** What a header says of the one that follows it. */
type LongName = Partial<Pick<TarHeader, "name" | "size">>;

const LONG_NAMES: readonly string[] = ["gnu-long-path", "gnu-long-link-path", "pax-header", "pax-global-header"];

async function longName({ type, size }: TarHeader, input: Input, file: string): Promise<LongName> {
  if (!(Number.isSafeInteger(size) && size >= 0 && size <= LONGEST_NAME)) {
    throw new UserError(`${file}: holds a ${type} of ${size} bytes, expected at most ${LONGEST_NAME}`);
  }
  const bytes = new Uint8Array(size);
  await input.fill(bytes);
  await input.skip(padded(size) - size);
  if (type === "gnu-long-path") return { name: new TextDecoder().decode(bytes).replace(/\0.*$/s, "") };
  return type === "pax-header" ? paxOf(bytes) : {};
}

/** Records of pax: "<length> <key>=<value>\n", the length in bytes and of all of the record. */
function paxOf(bytes: Uint8Array): LongName {
  const found: { -readonly [K in keyof LongName]: LongName[K] } = {};
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? NaN : Number(new TextDecoder().decode(bytes.subarray(at, space)));
    if (!(length > space - at)) return found;
    const record = new TextDecoder().decode(bytes.subarray(space + 1, at + length - 1));
    const equals = record.indexOf("=");
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if (key === "path") found.name = value;
    if (key === "size") found.size = Number(value);
    at += length;
  }
  return found;
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
}

/** The name without "." and doubled slashes; "" for the archive's own root. */
function safePath(name: string, file: string): string {
  const names = name.split("/").filter((part) => part !== "" && part !== ".");
  if (name.startsWith("/") || name.includes("\\") || names.includes("..")) {
    throw new UserError(`${file}: entry ${show(name)} leads out of the archive, expected paths inside: pack it anew`);
  }
  return names.join("/");
}

function requireFile({ type }: TarHeader, path: string, file: string): void {
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
}

/** The stream as blocks and spans. A span that the stream doesn't hold any more is a `CutOff`. */
interface Input {
  /** Bytes taken so far. */
  position(): number;
  /** The next 512 bytes; undefined at the end of the stream. */
  block(): Promise<Uint8Array | undefined>;
  fill(into: Uint8Array): Promise<void>;
  skip(bytes: number): Promise<void>;
  /** Tells the stream that nothing more of it is wanted. */
  close(): Promise<void>;
}

class CutOff extends Error {}

function createInput(archive: AsyncIterable<Uint8Array>): Input {
  const stream = archive[Symbol.asyncIterator]();
  let chunk: Uint8Array = new Uint8Array();
  let position = 0;
  /** Takes the next bytes, at most `most` and at least one; undefined at the end. */
  const some = async (most: number): Promise<Uint8Array | undefined> => {
    while (chunk.length === 0) {
      const { done, value } = await stream.next();
      if (done) return undefined;
      chunk = value;
    }
    const taken = chunk.subarray(0, most);
    chunk = chunk.subarray(taken.length);
    position += taken.length;
    return taken;
  };
  const each = async (bytes: number, use: (taken: Uint8Array, at: number) => void): Promise<number> => {
    for (let at = 0; at < bytes;) {
      const taken = await some(bytes - at);
      if (!taken) return at;
      use(taken, at);
      at += taken.length;
    }
    return bytes;
  };
  return {
    position: () => position,
    async block() {
      const block = new Uint8Array(BLOCK_BYTES);
      const length = await each(BLOCK_BYTES, (taken, at) => block.set(taken, at));
      if (length > 0 && length < BLOCK_BYTES) throw new CutOff();
      return length === 0 ? undefined : block;
    },
    async fill(into) {
      if (await each(into.length, (taken, at) => into.set(taken, at)) < into.length) throw new CutOff();
    },
    async skip(bytes) {
      if (await each(bytes, () => {}) < bytes) throw new CutOff();
    },
    close: async () => void await stream.return?.(),
  };
}
