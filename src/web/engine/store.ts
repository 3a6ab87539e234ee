/**
 * A store in IndexedDB: what a page keeps between visits. It stands here and not beside the other stores because it needs
 * the browser's types. A file is one record; a write is one transaction, so a page that is closed amid leaves the old bytes.
 */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { UserError } from "../../errors.ts";
import { isInside, normalisePath, parentOf, requireInside } from "../../store/path.ts";
import type { ReadOptions, Store } from "../../store/types.ts";

interface Files extends DBSchema {
  files: { key: string; value: Uint8Array<ArrayBuffer> };
}

/** Opens the database `name`; made where there is none. */
export function indexedDbStore(name: string): Store {
  let opened: Promise<IDBPDatabase<Files>> | undefined;
  const database = () =>
    opened ??= openDB<Files>(name, 1, {
      upgrade: (db) => void db.createObjectStore("files"),
      terminated: () => opened = undefined,
    }).catch((error) => {
      opened = undefined;
      throw refusal("open", name, error);
    });

  /** Changes one file within one transaction; `change` gives its new bytes, or undefined to leave it. */
  async function update(
    path: string,
    change: (bytes: Uint8Array<ArrayBuffer> | undefined) => Uint8Array<ArrayBuffer> | undefined,
  ): Promise<void> {
    const key = normalisePath(path);
    const transaction = (await database()).transaction("files", "readwrite");
    const names = await transaction.store.getAllKeys();
    const bytes = change(await transaction.store.get(key));
    if (!bytes) return;
    requireFilePath(key, names);
    try {
      await Promise.all([transaction.store.put(bytes, key), transaction.done]);
    } catch (error) {
      throw refusal("write", key, error);
    }
  }

  async function readFile(
    path: string,
    { within, most }: ReadOptions = {},
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const key = normalisePath(path);
    if (within !== undefined) requireInside(path, within);
    const db = await database();
    const bytes = await db.get("files", key);
    if (!bytes && isFolder(key, await db.getAllKeys("files"))) {
      throw new UserError(`cannot read ${key}: it is a folder; name a file in it`);
    }
    return most === undefined ? bytes : bytes?.slice(0, most);
  }

  return {
    read: readFile,
    write(path, bytes) {
      const own = new Uint8Array(bytes);
      return update(path, () => own);
    },
    append(path, text) {
      const added = new TextEncoder().encode(text);
      return update(path, (before = new Uint8Array()) => {
        const after = new Uint8Array(before.length + added.length);
        after.set(before);
        after.set(added, before.length);
        return after;
      });
    },
    truncate(path, bytes) {
      return update(path, (file) => file && file.length > bytes ? file.slice(0, bytes) : undefined);
    },
    async size(path) {
      return (await (await database()).get("files", normalisePath(path)))?.length;
    },
    async list(folder) {
      const key = normalisePath(folder);
      const names = await (await database()).getAllKeys("files");
      if (names.includes(key)) {
        throw new UserError(`cannot list ${key}: it is a file, not a folder; choose another path`);
      }
      return names.filter((file) => isInside(file, key)).sort();
    },
    async remove(path) {
      const key = normalisePath(path);
      const transaction = (await database()).transaction("files", "readwrite");
      if (isFolder(key, await transaction.store.getAllKeys())) {
        throw new UserError(`cannot remove ${key}: it is a folder; name a file in it`);
      }
      await transaction.store.delete(key);
      await transaction.done;
    },
  };
}

/** What the browser said, as one line with the path and the way out. */
function refusal(verb: string, path: string, error: unknown): UserError {
  const { name = "", message = String(error) } = error as Partial<DOMException>;
  const advice = name === "QuotaExceededError"
    ? "the browser gives this page no more room; free some storage on the device"
    : `${message}; allow this page to keep site data, outside of a private window`;
  return new UserError(`cannot ${verb} ${path}: ${advice}`);
}

function requireFilePath(path: string, names: readonly string[]): void {
  if (path === "" || path === "/" || isFolder(path, names)) {
    throw new UserError(`cannot write ${path || "."}: it is a folder; choose another name`);
  }
  for (let folder = parentOf(path); folder !== "" && folder !== "/"; folder = parentOf(folder)) {
    if (names.includes(folder)) {
      throw new UserError(`cannot write ${path}: ${folder} is a file, not a folder; choose another path`);
    }
  }
}

function isFolder(path: string, names: readonly string[]): boolean {
  return names.some((file) => isInside(file, path) && file !== path);
}
