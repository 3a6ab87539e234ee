/** The files that a recipe names, as workers get them: by content, wherever they lie. */
import { show, UserError } from "../errors.ts";
import { externalFiles } from "../formats/onnx/external.ts";
import { isOnnx } from "../formats/weights.ts";
import { joinPath, parentOf } from "../store/path.ts";
import type { Store } from "../store/types.ts";
import type { Results } from "./results.ts";

/**
 * Puts a file that a recipe names, and those that it has its numbers in, into the store.
 * @returns SHA-256 of each, by its path
 * @throws UserError for one that is missing
 */
export async function keepFile(store: Store, results: Results, path: string): Promise<Record<string, string>> {
  const bytes = await store.read(path);
  if (!bytes) throw new UserError(`${path}: no such file; the recipe names it`);
  const found = { [path]: await results.put(bytes) };
  if (!isOnnx(bytes)) return found;
  for (const location of externalFiles(bytes, path).keys()) {
    const beside = joinPath(parentOf(path), location);
    const content = await store.read(beside, { within: parentOf(path) });
    if (!content) {
      throw new UserError(`${path}: its numbers are in ${show(location)}, which isn't beside it: put it there`);
    }
    found[beside] = await results.put(content);
  }
  return found;
}

export interface FilesAt {
  /** This machine's own files. */
  readonly store: Store;
  readonly results: Pick<Results, "get">;
  /** What was asked for last, by SHA-256. */
  readonly contents: Map<string, Uint8Array<ArrayBuffer>>;
}

const MOST_CONTENTS = 8;

/**
 * The machine's files, but for those that the recipe names: these are what they were when the sweep began, whatever lies at their
 * paths here.
 * @param files SHA-256 of each, by its path
 */
export function withFiles(
  files: Readonly<Record<string, string>>,
  { store, results, contents }: FilesAt,
): Store {
  const contentOf = async (path: string) => {
    const hash = files[path];
    const content = contents.get(hash) ?? await results.get(hash);
    // Those that were asked for last stay.
    contents.delete(hash);
    if (content) contents.set(hash, content);
    if (contents.size > MOST_CONTENTS) contents.delete(contents.keys().next().value!);
    if (!content) throw new UserError(`${path}: its content is missing in the store: begin the sweep anew`);
    return content;
  };
  return {
    ...store,
    read: async (path, options = {}) =>
      files[path] === undefined ? await store.read(path, options) : (await contentOf(path)).slice(0, options.most),
    size: async (path) => files[path] === undefined ? await store.size(path) : (await contentOf(path)).length,
  };
}
