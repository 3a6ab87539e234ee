/** Tensors in files beside the ONNX file (external data), as PyTorch's newer exporter writes them. */
import { show, UserError } from "../../errors.ts";
import { joinPath, parentOf } from "../../store/path.ts";
import type { Store } from "../../store/types.ts";
import { readOnnx } from "./read.ts";
import { type External, externalSpan } from "./tensors.ts";

/**
 * The files that hold numbers of this one, as paths relative to its folder, each with how many of its bytes are needed.
 *
 * @param file names the file in errors
 * @throws UserError for a path that isn't plainly inside of that folder, or no whole ONNX file
 */
export function externalFiles(bytes: Uint8Array, file: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const tensor of readOnnx(bytes, file).graph.initialisers) {
    const { name, external } = tensor;
    if (!external) continue;
    const { location } = external;
    const parts = location.split("/");
    const isInside = parts.every((part) => part !== "" && part !== "." && part !== "..") &&
      !/[\\:\p{Cc}]/u.test(location);
    if (!isInside) {
      throw new UserError(`${file}: tensor ${show(name)} lies in ${show(location)}, expected a file beside this one`);
    }
    const refuse = (text: string) => new UserError(`${file}: tensor ${show(name)}: ${text}`);
    const { end } = externalSpan(tensor, external, refuse);
    found.set(location, Math.max(end, found.get(location) ?? 0));
  }
  return found;
}

/**
 * The bytes of these files, for `loadOnnx`. Nothing is read of one that is shorter than the tensors in it ask for, and of a
 * longer one no more than that.
 *
 * @param file the path of the ONNX file; theirs are relative to its folder
 * @throws UserError naming a file that is missing, too short, no regular file, or a link that leads out of the folder
 */
export async function readExternal(bytes: Uint8Array, file: string, store: Store): Promise<External> {
  const folder = parentOf(file);
  const files = new Map<string, Uint8Array>();
  for (const [location, most] of externalFiles(bytes, file)) {
    const path = joinPath(folder, location);
    const size = await store.size(path);
    if (size !== undefined && size < most) {
      throw new UserError(`${file}: its numbers are the first ${most} bytes of ${show(location)}, which has ${size}`);
    }
    const found = await store.read(path, { within: folder, most });
    if (!found) {
      throw new UserError(`${file}: its numbers are in ${show(location)}, which isn't beside it: put it there`);
    }
    files.set(location, found);
  }
  return files;
}
