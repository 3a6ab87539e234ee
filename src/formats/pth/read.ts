/** Checkpoints of PyTorch: .pth, .pt, .th. */
import { UserError } from "../../errors.ts";
import type { StoredTensor } from "../safetensors.ts";
import { readArchive } from "./archive.ts";
import { readLegacy } from "./legacy.ts";
import { findStateDict } from "./state_dict.ts";
import { gather } from "./tensors.ts";

/** The first bytes of a zip file, and of a pickle of protocol 2 or later. */
export const isArchive = (bytes: Uint8Array) => bytes[0] === 0x50 && bytes[1] === 0x4b;
export const isPickle = (bytes: Uint8Array) => bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5;

/**
 * The state dict in a file by torch.save, in today's format or that of torch < 1.6. The file's pickle is carried out by
 * a machine that only knows tensors, dicts, lists, numbers and texts: whatever the file says, no code runs.
 *
 * @param file names the file in errors
 * @throws UserError for a damaged file, one that holds anything else (naming it), or no single state dict
 */
export function readPth(bytes: Uint8Array, file: string): Map<string, StoredTensor> {
  try {
    const saved = isArchive(bytes) ? readArchive(bytes) : readLegacy(bytes);
    return gather(findStateDict(saved.root), saved);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Names in a damaged file may be of any length.
    const { message } = error;
    throw new UserError(`${file}: ${message.length > 400 ? `${message.slice(0, 399)}…` : message}`);
  }
}
