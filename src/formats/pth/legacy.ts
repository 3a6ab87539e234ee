/**
 * The files of torch < 1.6: pickles of a magic number, a version, the machine, the object and the keys of its storages,
 * then each storage as its number of elements (8 bytes) and its numbers, little-endian whatever the machine was.
 */
import { UserError } from "../../errors.ts";
import { BYTES_PER_ELEMENT } from "../safetensors.ts";
import { type ByteReader, byteReader } from "./bytes.ts";
import { TORCH } from "./globals.ts";
import { type Meaning, unpickle } from "./pickle.ts";
import { sameBlock, type SavedObject } from "./tensors.ts";
import { isKind, type Storage, type Value } from "./values.ts";

const MAGIC = 0x1950a86a20f9469cfc6cn;
const VERSION = 1001;

/** @throws UserError where the file isn't whole or isn't torch.save's */
export function readLegacy(bytes: Uint8Array): SavedObject {
  const reader = byteReader(bytes);
  if (unpickle(reader, PLAIN) !== MAGIC) throw new UserError("a pickle, but not one that torch.save wrote");
  const version = unpickle(reader, PLAIN);
  if (version !== VERSION) throw new UserError(`its version is ${version}, ${VERSION} expected`);
  unpickle(reader, PLAIN); // The machine: its byte order, which the storages don't follow, and sizes of C types.

  const storages = new Map<string, Storage>();
  const root = unpickle(reader, {
    ...TORCH,
    persistent(id) {
      const storage = TORCH.persistent(id) as Storage;
      const known = storages.get(storage.key);
      if (known) sameBlock(known, storage);
      storages.set(storage.key, storage);
      return storage;
    },
  });
  const keys = unpickle(reader, PLAIN);
  const blocks = readBlocks(reader, keys, storages);
  if (reader.left > 0) throw new UserError(`${reader.left} bytes follow its last storage`);
  return { root, byteOrder: "little", block: (key) => blocks.get(key) };
}

/** What surrounds the object holds numbers and texts only. */
const PLAIN: Meaning = { ...TORCH, global: refuse, call: refuse, persistent: refuse };

function refuse(): never {
  throw new UserError("its head holds more than numbers and texts");
}

function readBlocks(
  reader: ByteReader,
  keys: Value,
  storages: ReadonlyMap<string, Storage>,
): ReadonlyMap<string, Uint8Array> {
  if (!isKind(keys, "list")) throw new UserError("it has no list of storages");
  const blocks = new Map<string, Uint8Array>();
  for (const key of keys.items) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (!storage || blocks.has(storage.key)) throw new UserError("its list of storages isn't that of its tensors");
    const elements = reader.u64();
    if (elements !== storage.blockElements) {
      throw new UserError(`its storage ${storage.key} has ${elements} elements, ${storage.blockElements} expected`);
    }
    blocks.set(storage.key, reader.take(elements * BYTES_PER_ELEMENT[storage.dtype]));
  }
  return blocks;
}
