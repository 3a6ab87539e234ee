/** Constants: the tensors of a file as arrays, and what is computed from them. */
import { show, UserError } from "../../errors.ts";
import { elements } from "../../tensor/tensor.ts";
import { toFloat32 } from "../safetensors.ts";
import type { Size } from "./sizes.ts";
import { DATA_TYPE, type ExternalData, type OnnxTensor } from "./types.ts";

/** Row-major. Shape arithmetic may hold the symbolic batch, or a multiple of it. */
export interface Constant {
  /** Of the initialiser, or of the value that it was first computed as. */
  readonly name: string;
  readonly type: "float" | "integer" | "boolean";
  readonly shape: readonly number[];
  readonly data: ArrayLike<Size>;
}

/** Bytes of one number in `raw`, and how it is read there (little-endian). */
interface Storage {
  readonly type: Constant["type"];
  readonly bytes: number;
  readonly decode: (view: DataView<ArrayBufferLike>, count: number) => ArrayLike<number>;
}

const STORAGE: Readonly<Record<number, Storage>> = {
  [DATA_TYPE.float]: {
    type: "float",
    bytes: 4,
    decode: (view, count) => new Float32Array(view.buffer, view.byteOffset, count),
  },
  [DATA_TYPE.double]: storage("float", 8, (view, at) => view.getFloat64(at, true)),
  [DATA_TYPE.float16]: { type: "float", bytes: 2, decode: (view, count) => halves("F16", words(view, count)) },
  [DATA_TYPE.bfloat16]: { type: "float", bytes: 2, decode: (view, count) => halves("BF16", words(view, count)) },
  [DATA_TYPE.uint8]: storage("integer", 1, (view, at) => view.getUint8(at)),
  [DATA_TYPE.int8]: storage("integer", 1, (view, at) => view.getInt8(at)),
  [DATA_TYPE.uint16]: storage("integer", 2, (view, at) => view.getUint16(at, true)),
  [DATA_TYPE.int16]: storage("integer", 2, (view, at) => view.getInt16(at, true)),
  [DATA_TYPE.int32]: storage("integer", 4, (view, at) => view.getInt32(at, true)),
  [DATA_TYPE.uint32]: storage("integer", 4, (view, at) => view.getUint32(at, true)),
  [DATA_TYPE.int64]: storage("integer", 8, (view, at) => Number(view.getBigInt64(at, true))),
  [DATA_TYPE.uint64]: storage("integer", 8, (view, at) => Number(view.getBigUint64(at, true))),
  [DATA_TYPE.bool]: storage("boolean", 1, (view, at) => view.getUint8(at)),
};

/** "float", "integer" or "boolean"; undefined for a data type that isn't supported. */
export function typeOf(dataType: number): Constant["type"] | undefined {
  return STORAGE[dataType]?.type;
}

/** @throws UserError where the tensor's type isn't supported, or its numbers aren't all there or are in another file */
export function decode(tensor: OnnxTensor, name = tensor.name, external: External = new Map()): Constant {
  const { dims, dataType } = tensor;
  const fail = (text: string) => new UserError(`tensor ${show(name)}: ${text}`);
  const { storage, count, bytes } = sizeOf(tensor, fail);
  const raw = tensor.external ? externalBytes(tensor, tensor.external, external, fail) : tensor.raw;
  const { type } = storage;
  if (raw) {
    if (raw.length !== bytes) throw fail(`[${dims.slice(0, 8)}] needs ${bytes} bytes, the file has ${raw.length}`);
    // A copy starts at an aligned address and lets the file go; numbers of other types are converted anyway.
    const own = dataType === DATA_TYPE.float ? raw.slice() : raw;
    return {
      name,
      type,
      shape: dims,
      data: storage.decode(new DataView(own.buffer, own.byteOffset, own.byteLength), count),
    };
  }
  const list = tensor.floats ?? tensor.ints ?? tensor.doubles ?? [];
  if (list.length !== count) throw fail(`[${dims.slice(0, 8)}] needs ${count} numbers, the file has ${list.length}`);
  return { name, type, shape: dims, data: type === "float" ? floats(dataType, list) : list };
}

/** Other files by the location that tensors give for them. */
export type External = ReadonlyMap<string, Uint8Array>;

type Fail = (text: string) => UserError;

/** How a tensor's numbers are stored, how many there are, and their bytes in `raw`. */
function sizeOf(
  { dims, dataType }: OnnxTensor,
  fail: Fail,
): { readonly storage: Storage; readonly count: number; readonly bytes: number } {
  const storage = STORAGE[dataType];
  if (!storage) throw fail(`data type ${dataType} isn't supported`);
  if (!dims.every((d) => Number.isSafeInteger(d) && d >= 0)) throw fail(`it has the shape [${dims.slice(0, 8)}]`);
  const count = elements(dims);
  return { storage, count, bytes: count * storage.bytes };
}

/**
 * Where in its file a tensor's numbers begin and end, in bytes.
 * @throws what `fail` makes, where its shape and the bytes that it names don't fit together
 */
export function externalSpan(
  tensor: OnnxTensor,
  { location, offset, length }: ExternalData,
  fail: Fail,
): { readonly start: number; readonly end: number } {
  const { bytes } = sizeOf(tensor, fail);
  const end = offset + bytes;
  const found = `its numbers are bytes ${offset} to ${length === undefined ? end : offset + length} of ${
    show(location)
  }`;
  if (!(Number.isSafeInteger(offset) && Number.isSafeInteger(end) && offset >= 0)) throw fail(found);
  if (length !== undefined && length !== bytes) {
    throw fail(`${found}, [${tensor.dims.slice(0, 8)}] needs ${bytes} bytes`);
  }
  return { start: offset, end };
}

/** The bytes of a tensor in another file. */
function externalBytes(tensor: OnnxTensor, external: ExternalData, files: External, fail: Fail): Uint8Array {
  const { location } = external;
  const { start, end } = externalSpan(tensor, external, fail);
  const bytes = files.get(location);
  if (!bytes) throw fail(`its numbers are in another file, ${show(location)}, which isn't at hand`);
  if (end > bytes.length) {
    throw fail(`its numbers are bytes ${start} to ${end} of ${show(location)}, which has ${bytes.length}`);
  }
  return bytes.subarray(start, end);
}

/** A tensor whose numbers lie in the file, as float32. */
export function floatTensor(name: string, dims: readonly number[], data: Float32Array): OnnxTensor {
  return { name, dims, dataType: DATA_TYPE.float, raw: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

/** A list of int64, as ONNX writes shapes, axes and indices. */
export function integerTensor(name: string, values: readonly number[]): OnnxTensor {
  const raw = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { name, dims: [values.length], dataType: DATA_TYPE.int64, raw };
}

function storage(type: Constant["type"], bytes: number, get: (view: DataView, at: number) => number): Storage {
  return {
    type,
    bytes,
    decode(view, count) {
      const data = type === "float" ? new Float32Array(count) : new Float64Array(count);
      for (let i = 0; i < count; i++) data[i] = get(view, i * bytes);
      return data;
    },
  };
}

/** Numbers in a list; half precision stands there as its bits. */
function floats(dataType: number, list: readonly number[]): Float32Array {
  if (dataType === DATA_TYPE.float16) return halves("F16", Uint16Array.from(list));
  if (dataType === DATA_TYPE.bfloat16) return halves("BF16", Uint16Array.from(list));
  return Float32Array.from(list);
}

function halves(dtype: "F16" | "BF16", data: Uint16Array<ArrayBuffer>): Float32Array {
  return toFloat32({ dtype, shape: [data.length], data });
}

function words(view: DataView, count: number): Uint16Array<ArrayBuffer> {
  return Uint16Array.from({ length: count }, (_, i) => view.getUint16(2 * i, true));
}
