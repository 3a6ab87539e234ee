/** Paths as the file system has them. */
import { isAbsolute, relative, resolve } from "node:path";

/** Paths, so far relative to the working directory, as they are seen from a folder. Absolute ones stay. */
export function seenFrom(dir: string): (path: string) => string {
  return (path) => isAbsolute(path) ? path : relative(resolve(dir), resolve(path)).replaceAll("\\", "/");
}

/** The path from the root, for another process that may work elsewhere. */
export function absolutePath(path: string): string {
  return resolve(path).replaceAll("\\", "/");
}
