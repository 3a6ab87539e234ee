/** NumPy's .npy files, as networks' constant inputs come in: numbers of one type, little-endian, in C order. */
import { UserError } from "../errors.ts";
import { elements } from "../tensor/tensor.ts";

/** What such a file holds. */
export interface NpyArray {
  readonly type: "float" | "integer";
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
}

const MAGIC = [0x93, ...new TextEncoder().encode("NUMPY")];

interface Numbers {
  readonly type: NpyArray["type"];
  readonly bytes: number;
  readonly read: (view: DataView, at: number) => number;
}

/** By NumPy's names. */
const TYPES: Readonly<Record<string, Numbers>> = {
  "<f4": { type: "float", bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  "<f8": { type: "float", bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  "<i4": { type: "integer", bytes: 4, read: (view, at) => view.getInt32(at, true) },
  "<i8": { type: "integer", bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
};

/**
 * @param file names the file in errors
 * @throws UserError for anything but a whole file of these types
 */
export function readNpy(bytes: Uint8Array, file: string): NpyArray {
  const fail = (text: string) => new UserError(`${file}: ${text}`);
  if (bytes.length < 12 || !MAGIC.every((byte, i) => bytes[i] === byte)) throw fail("isn't a .npy file of NumPy");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Version 1 has 2 bytes for the length of the header, later ones 4.
  const wide = bytes[6] > 1;
  const start = wide ? 12 + view.getUint32(8, true) : 10 + view.getUint16(8, true);
  if (start > bytes.length) throw fail(`its header of ${start} bytes ends beyond the file's ${bytes.length}`);
  const header = new TextDecoder("latin1").decode(bytes.subarray(wide ? 12 : 10, start));
  const descr = header.match(/'descr': *'([^']*)'/)?.[1] ?? "";
  const dims = header.match(/'shape': *\(([\d, ]*)\)/)?.[1];
  if (!Object.hasOwn(TYPES, descr)) {
    throw fail(`holds numbers of type "${descr}", expected ${Object.keys(TYPES).join(", ")}`);
  }
  if (!header.includes("'fortran_order': False") || dims === undefined) throw fail("isn't in C order");
  const shape = dims.split(",").filter((d) => d.trim() !== "").map(Number);
  const { type, bytes: size, read } = TYPES[descr];
  const count = elements(shape);
  if (bytes.length - start !== count * size) {
    throw fail(`[${shape}] needs ${count * size} bytes, the file has ${bytes.length - start}`);
  }
  const data = descr === "<f4" ? new Float32Array(count) : new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = read(view, start + i * size);
  return { type, shape, data };
}
