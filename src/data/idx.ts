import { UserError } from "../errors.ts";
import { elements } from "../tensor/tensor.ts";
import { gunzip } from "./gzip.ts";

/**
 * IDX, the format of the MNIST files: bytes 0, 0, type (8: unsigned byte), rank; then each dimension as a big-endian
 * u32; then the values, row-major.
 */
export interface Idx {
  readonly dims: readonly number[];
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Reads an IDX file of unsigned bytes and of the given rank, gzipped or not. Throws UserError naming `file`. */
export async function readIdx(packed: Uint8Array<ArrayBuffer>, rank: number, file: string): Promise<Idx> {
  const bytes = await gunzip(packed, file);
  const header = 4 + 4 * rank;
  if (bytes.length < header) {
    throw new UserError(
      `${file}: found ${bytes.length} bytes, expected an IDX header of ${header}: the file is cut off or of another kind`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  if (magic !== 0x0800 + rank) {
    throw new UserError(
      `${file}: found magic number ${hex(magic)}, expected ${hex(0x0800 + rank)} (IDX of unsigned bytes, ` +
        `${rank} dimension${rank > 1 ? "s" : ""}): is this the right file?`,
    );
  }
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const expected = header + elements(dims);
  if (bytes.length !== expected) {
    throw new UserError(
      `${file}: found ${bytes.length} bytes, expected ${expected} for dimensions ${dims.join("×")}: ` +
        `the file is ${bytes.length < expected ? "cut off" : "too long"}, fetch it again`,
    );
  }
  return { dims, data: bytes.subarray(header) };
}

function hex(magic: number): string {
  return `0x${magic.toString(16).padStart(8, "0")}`;
}
