/**
 * Safetensors: 8 bytes little-endian header length, a JSON header `{name: {dtype, shape, data_offsets}, __metadata__}`,
 * then the tensors' bytes without gaps or overlaps. Format: https://github.com/huggingface/safetensors (Format).
 */
import { show, UserError } from "../errors.ts";
import { elements } from "../tensor/tensor.ts";

/** What the numbers of a tensor are in a file, by the format's own names. */
export type Dtype =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U64"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL";

/** A tensor's numbers as they are stored; BF16 and F16 are their bits. */
export type TensorData =
  | Float64Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

/** Row-major. F16 and BF16 hold their raw bits in a Uint16Array, BOOL its 0 and 1 in a Uint8Array. */
export interface StoredTensor {
  /** What `data` holds. */
  readonly dtype: Dtype;
  /** Sizes along the axes; [] is a scalar. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: TensorData;
}

/** What a safetensors file holds. */
export interface Safetensors {
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Texts by key, from `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

const arrays = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const satisfies Record<Dtype, unknown>;

export const BYTES_PER_ELEMENT = Object.fromEntries(
  Object.entries(arrays).map(([dtype, { BYTES_PER_ELEMENT }]) => [dtype, BYTES_PER_ELEMENT]),
) as Readonly<Record<Dtype, number>>;

/** The reference reader refuses longer headers too. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Reads a whole file; tensors are copies, so `bytes` may be dropped afterwards. Nothing is copied before the header has
 * been checked against the bytes that are there: every byte of the data in exactly one tensor, each tensor as long as
 * its dtype and shape say, no name twice.
 * @param file names the file in errors
 * @throws UserError where the file is not exactly what the format asks for
 */
export function readSafetensors(bytes: Uint8Array, file: string): Safetensors {
  const fail = (text: string) => new UserError(`${file}: not a whole safetensors file: ${text}`);
  if (bytes.length < 8) throw fail(`${bytes.length} bytes found, at least 8 expected; copy or download it again`);

  const headerBytes = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES || headerBytes > bytes.length - 8) {
    throw fail(`its header claims ${headerBytes} bytes, the file has ${bytes.length - 8} after the first 8`);
  }
  const header = parseHeader(bytes.subarray(8, 8 + headerBytes), fail);
  const data = bytes.subarray(8 + headerBytes);

  const metadata = readMetadata(header.__metadata__, fail);
  const entries = Object.entries(header).filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => readEntry(name, value, fail));
  requireContiguous(entries, data.length, fail);

  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    tensors.set(name, { dtype, shape, data: arrayOf(dtype, data.slice(begin, end)) });
  }
  return { tensors, metadata };
}

/**
 * The bytes of a file: tensors ordered by falling element size, then by name, as the reference writer orders them, so
 * that each is aligned and equal content gives equal bytes.
 * @throws Error where a tensor's data doesn't fit its shape or dtype
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const ordered = [...tensors].sort(([a, x], [b, y]) =>
    BYTES_PER_ELEMENT[y.dtype] - BYTES_PER_ELEMENT[x.dtype] || (a < b ? -1 : 1)
  );
  const entries: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) entries.push(["__metadata__", metadata]);
  let offset = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    if (name === "__metadata__") throw new Error(`"__metadata__" cannot name a tensor`);
    if (!(data instanceof arrays[dtype]) || data.length !== elements(shape)) {
      throw new Error(`tensor "${name}": ${data.constructor.name}(${data.length}) is no ${dtype} [${shape}]`);
    }
    entries.push([name, { dtype, shape, data_offsets: [offset, offset + data.byteLength] }]);
    offset += data.byteLength;
  }

  let header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const padded = new Uint8Array(Math.ceil(header.length / 8) * 8).fill(0x20);
  padded.set(header);
  header = padded;

  const bytes = new Uint8Array(8 + header.length + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  let at = 8 + header.length;
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** The numbers in little-endian bytes that fill their buffer; a view of them. */
export function arrayOf(dtype: Dtype, bytes: Uint8Array<ArrayBuffer>): TensorData {
  return new arrays[dtype](bytes.buffer);
}

/** Whether the content begins like a safetensors file: a JSON object follows the 8 bytes of its length. */
export function isSafetensors(bytes: Uint8Array): boolean {
  return bytes[8] === 0x7b && bytes[7] === 0;
}

/** Dtype of an ordinary typed array: Float32Array -> F32, Uint8Array -> U8, … */
export function dtypeOf(data: TensorData): Dtype {
  const dtype = (Object.keys(arrays) as Dtype[]).find((key) =>
    key !== "F16" && key !== "BF16" && key !== "BOOL" && data instanceof arrays[key]
  );
  if (!dtype) throw new Error(`no dtype for ${(data as object).constructor.name}`);
  return dtype;
}

/** Values as float32, whatever they are stored as. */
export function toFloat32(tensor: StoredTensor): Float32Array<ArrayBuffer> {
  const { dtype, data } = tensor;
  if (data instanceof Float32Array) return data;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float32Array.from(data, Number);
  if (dtype === "F16") return Float32Array.from(data, halfToFloat);
  if (dtype === "BF16") return new Float32Array(Uint32Array.from(data, (bits) => bits << 16).buffer);
  return Float32Array.from(data);
}

/** IEEE 754 binary16 bits -> number. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

type Fail = (text: string) => UserError;

interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function parseHeader(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  let header: unknown;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch {
    throw fail("its header is no valid JSON");
  }
  if (!isRecord(header)) throw fail(`its header is ${show(header)}, a JSON object expected`);
  if (!text.startsWith("{")) throw fail(`its header begins with ${show(text[0])}, "{" expected`);
  const twice = duplicateKey(text);
  if (twice !== undefined) throw fail(`its header has ${show(twice)} twice`);
  const number = unusualNumber(text);
  if (number !== undefined) throw fail(`its header has the number ${number}, only digits expected`);
  return header;
}

/** The first key that stands twice in one object of a valid JSON text; `JSON.parse` would keep the last silently. */
function duplicateKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (const [token, key] of json.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (key !== undefined) {
      const name = JSON.parse(key);
      if (open.at(-1)!.has(name)) return name;
      open.at(-1)!.add(name);
    } else if (token === "{") open.push(new Set());
    else if (token === "}") open.pop();
  }
  return undefined;
}

/** The first number of a valid JSON text that isn't plain digits: 1e3, 8.0 and -0 are no integers to other readers. */
function unusualNumber(json: string): string | undefined {
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g)) {
    if (!token.startsWith('"') && !/^\d+$/.test(token)) return token;
  }
  return undefined;
}

function readMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value)) throw fail(`__metadata__ is ${show(value)}, an object of strings expected`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") throw fail(`__metadata__ ${show(key)} is ${show(text)}, a string expected`);
  }
  return value as Record<string, string>;
}

function readEntry(name: string, value: unknown, fail: Fail): Entry {
  const where = `tensor ${show(name)}`;
  if (!isRecord(value)) throw fail(`${where} is ${show(value)}, {dtype, shape, data_offsets} expected`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(arrays, dtype)) {
    throw fail(`${where} has dtype ${show(dtype)}, one of ${Object.keys(arrays).join(", ")} expected`);
  }
  if (!isCounts(shape)) throw fail(`${where} has shape ${show(shape)}, a list of whole numbers expected`);
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw fail(`${where} has data_offsets ${show(offsets)}, [begin, end] expected`);
  }
  const [begin, end] = offsets;
  const expected = shape.reduce((bytes, size) => {
    // Even where a 0 follows: the reference reader multiplies in this order, and refuses what overflows.
    if (!Number.isSafeInteger(bytes * size)) throw fail(`${where} has shape ${show(shape)}, whose size overflows`);
    return bytes * size;
  }, BYTES_PER_ELEMENT[dtype as Dtype]);
  if (end - begin !== expected) {
    throw fail(`${where}, ${dtype} ${show(shape)}, needs ${expected} bytes, its data_offsets span ${end - begin}`);
  }
  return { name, dtype: dtype as Dtype, shape, begin, end };
}

/** Every byte of the data belongs to exactly one tensor. */
function requireContiguous(entries: readonly Entry[], dataBytes: number, fail: Fail): void {
  let end = 0;
  for (const entry of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (entry.begin !== end) {
      throw fail(`tensor ${show(entry.name)} begins at byte ${entry.begin} of the data, ${end} expected`);
    }
    end = entry.end;
  }
  if (end !== dataBytes) throw fail(`its tensors take ${end} bytes, ${dataBytes} found; copy or download it again`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((x) => Number.isSafeInteger(x) && x >= 0);
}
