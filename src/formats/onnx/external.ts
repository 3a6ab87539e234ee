/** Tensors in files beside the ONNX file (external data), as PyTorch's newer exporter writes them. */
import { show, UserError } from "../../errors.ts";
import { readOnnx } from "./read.ts";
import type { External } from "./tensors.ts";

/**
 * The files that hold numbers of this one, as paths relative to its folder.
 *
 * @param file names the file in errors
 * @throws UserError for a path that isn't plainly inside of that folder, or no whole ONNX file
 */
export function externalFiles(bytes: Uint8Array, file: string): string[] {
  const found = new Set<string>();
  for (const { name, external } of readOnnx(bytes, file).graph.initialisers) {
    if (!external) continue;
    const { location } = external;
    const parts = location.split("/");
    const isInside = parts.every((part) => part !== "" && part !== "." && part !== "..") &&
      !/[\\:\p{Cc}]/u.test(location);
    if (!isInside) {
      throw new UserError(`${file}: tensor ${show(name)} lies in ${show(location)}, expected a file beside this one`);
    }
    found.add(location);
  }
  return [...found];
}

/**
 * The bytes of these files, for `loadOnnx`.
 *
 * @param file the path of the ONNX file; theirs are relative to its folder
 * @param read the bytes at a path, undefined where there is no file
 * @throws UserError naming a file that is missing
 */
export async function readExternal(
  bytes: Uint8Array,
  file: string,
  read: (path: string) => Promise<Uint8Array | undefined>,
): Promise<External> {
  const folder = file.slice(0, file.lastIndexOf("/") + 1);
  const files = new Map<string, Uint8Array>();
  for (const location of externalFiles(bytes, file)) {
    const found = await read(folder + location);
    if (!found) {
      throw new UserError(`${file}: its numbers are in ${show(location)}, which isn't beside it: put it there`);
    }
    files.set(location, found);
  }
  return files;
}
