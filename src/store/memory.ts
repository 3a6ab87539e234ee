import { UserError } from "../errors.ts";
import { isInside, normalisePath, parentOf, requireInside } from "./path.ts";
import type { Store } from "./types.ts";

/** A store that forgets: for tests, and for pages without permission to keep anything. */
export function memoryStore(): Store {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();

  const isFolder = (path: string) => [...files.keys()].some((file) => isInside(file, path));

  function requireFilePath(path: string): void {
    if (path === "" || path === "/" || isFolder(path)) {
      throw new UserError(`cannot write ${path || "."}: it is a folder; choose another name`);
    }
    for (let folder = parentOf(path); folder !== "" && folder !== "/"; folder = parentOf(folder)) {
      if (files.has(folder)) {
        throw new UserError(`cannot write ${path}: ${folder} is a file, not a folder; choose another path`);
      }
    }
  }

  return {
    read(path, { within, most } = {}) {
      return settle(() => {
        const key = normalisePath(path);
        if (within !== undefined) requireInside(path, within);
        if (!files.has(key) && isFolder(key)) {
          throw new UserError(`cannot read ${key}: it is a folder; name a file in it`);
        }
        return files.get(key)?.slice(0, most);
      });
    },
    write(path, bytes) {
      return settle(() => {
        const key = normalisePath(path);
        requireFilePath(key);
        files.set(key, new Uint8Array(bytes));
      });
    },
    append(path, text) {
      return settle(() => {
        const key = normalisePath(path);
        requireFilePath(key);
        const before = files.get(key) ?? new Uint8Array();
        const added = new TextEncoder().encode(text);
        const after = new Uint8Array(before.length + added.length);
        after.set(before);
        after.set(added, before.length);
        files.set(key, after);
      });
    },
    truncate(path, bytes) {
      return settle(() => {
        const key = normalisePath(path);
        const file = files.get(key);
        if (file && file.length > bytes) files.set(key, file.slice(0, bytes));
      });
    },
    size(path) {
      return settle(() => files.get(normalisePath(path))?.length);
    },
    list(folder) {
      return settle(() => {
        const key = normalisePath(folder);
        if (files.has(key)) throw new UserError(`cannot list ${key}: it is a file, not a folder; choose another path`);
        return [...files.keys()].filter((file) => isInside(file, key)).sort();
      });
    },
    remove(path) {
      return settle(() => {
        const key = normalisePath(path);
        if (!files.has(key) && isFolder(key)) {
          throw new UserError(`cannot remove ${key}: it is a folder; name a file in it`);
        }
        files.delete(key);
      });
    },
  };
}

/** Errors arrive as rejections, as from every other store. */
function settle<T>(action: () => T): Promise<T> {
  return new Promise((resolve) => resolve(action()));
}
