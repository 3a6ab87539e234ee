/** Files as torch.save writes them, byte by byte, for a handful of values. */
import { zipSync } from "fflate";

export type Saved =
  | null
  | boolean
  | number
  | string
  | readonly Saved[]
  | { readonly tuple: readonly Saved[] }
  | { readonly dict: readonly (readonly [Saved, Saved])[]; readonly ordered?: true }
  | { readonly view: View }
  | { readonly call: string; readonly args: readonly Saved[] }
  | { readonly global: string }
  | { readonly raw: readonly number[] };

export interface View {
  readonly storage: Storage;
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

export interface Storage {
  readonly key: string;
  /** `torch.FloatStorage`, … */
  readonly type: string;
  readonly elements: number;
  readonly bytes: Uint8Array;
}

export const ordered = (entries: Readonly<Record<string, Saved>>): Saved => (
  { dict: Object.entries(entries), ordered: true }
);
export const dict = (entries: Readonly<Record<string, Saved>>): Saved => ({ dict: Object.entries(entries) });

export function floats(key: string, values: readonly number[]): Storage {
  return {
    key,
    type: "torch.FloatStorage",
    elements: values.length,
    bytes: new Uint8Array(Float32Array.from(values).buffer),
  };
}

/** A contiguous tensor with a storage of its own. */
export function tensor(storage: Storage, shape: readonly number[]): Saved {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  return { view: { storage, shape, strides } };
}

const ascii = (text: string) => [...new TextEncoder().encode(text)];
const u32 = (value: number) => [...new Uint8Array(Uint32Array.of(value).buffer)];

/** A pickle of protocol 2, with a memo as Python's pickler keeps one. */
export function pickle(value: Saved, legacy = false): Uint8Array<ArrayBuffer> {
  const memo = new Map<string, number>();
  let next = 0;
  const put = () => next < 256 ? [0x71, next++] : [0x72, ...u32(next++)];
  const get = (index: number) => index < 256 ? [0x68, index] : [0x6a, ...u32(index)];
  const once = (key: string, bytes: () => number[]): number[] => {
    const known = memo.get(key);
    if (known !== undefined) return get(known);
    const made = bytes();
    memo.set(key, next);
    return [...made, ...put()];
  };
  const text = (value: string) => once(`text ${value}`, () => [0x58, ...u32(ascii(value).length), ...ascii(value)]);
  const named = (name: string) =>
    once(`global ${name}`, () => {
      const dot = name.lastIndexOf(".");
      return [0x63, ...ascii(`${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`)];
    });
  const number = (value: number): number[] => {
    if (!Number.isInteger(value)) {
      return [0x47, ...new Uint8Array(Float64Array.of(value).buffer).toReversed()];
    }
    if (value >= 0 && value < 256) return [0x4b, value];
    if (value >= -(2 ** 31) && value < 2 ** 31) return [0x4a, ...u32(value)];
    return [0x8a, 8, ...new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)];
  };
  const all = (values: readonly Saved[]) => values.flatMap(write);
  const tuple = (values: readonly Saved[]) =>
    values.length === 0
      ? [0x29]
      : values.length <= 3
      ? [...all(values), 0x84 + values.length, ...put()]
      : [0x28, ...all(values), 0x74, ...put()];
  const call = (name: string, args: readonly Saved[]) => [...named(name), ...tuple(args), 0x52, ...put()];
  const write = (value: Saved): number[] => {
    if (value === null) return [0x4e];
    if (typeof value === "boolean") return [value ? 0x88 : 0x89];
    if (typeof value === "string") return text(value);
    if (typeof value === "number") return number(value);
    if (Array.isArray(value)) return [0x5d, ...put(), 0x28, ...all(value), 0x65];
    if ("tuple" in value) return tuple(value.tuple);
    if ("raw" in value) return [...value.raw];
    if ("global" in value) return named(value.global);
    if ("call" in value) return call(value.call, value.args);
    if ("dict" in value) {
      const made = value.ordered ? call("collections.OrderedDict", []) : [0x7d, ...put()];
      return value.dict.length === 0 ? made : [...made, 0x28, ...all(value.dict.flat()), 0x75];
    }
    if ("view" in value) {
      const { storage: { key, type, elements }, offset = 0, shape, strides } = value.view;
      const id: Saved = { tuple: ["storage", { global: type }, key, "cpu", elements, ...legacy ? [null] : []] };
      const storage: Saved = { raw: [...write(id), 0x51] };
      const hooks = ordered({});
      return call("torch._utils._rebuild_tensor_v2", [
        storage,
        offset,
        { tuple: shape },
        { tuple: strides },
        false,
        hooks,
      ]);
    }
    throw new Error("unknown value");
  };
  return Uint8Array.from([0x80, 2, ...write(value), 0x2e]);
}

/** The storages below a value, each once, in order. */
function storages(value: Saved): Storage[] {
  if (value === null || typeof value !== "object") return [];
  if ("view" in value) return [value.view.storage];
  const parts = Array.isArray(value)
    ? value
    : "tuple" in value
    ? value.tuple
    : "dict" in value
    ? value.dict.flat()
    : "call" in value
    ? value.args
    : [];
  return [...new Set(parts.flatMap(storages))];
}

/** As torch ≥ 1.6 saves it; `more` replaces or adds entries. */
export function archive(value: Saved, more: Readonly<Record<string, Uint8Array>> = {}): Uint8Array<ArrayBuffer> {
  const entries: Record<string, Uint8Array> = { "archive/data.pkl": pickle(value) };
  for (const { key, bytes } of storages(value)) entries[`archive/data/${key}`] = bytes;
  return zipSync({ ...entries, "archive/version": new TextEncoder().encode("3\n"), ...more }, { level: 0 });
}

/** As torch < 1.6 saves it. */
export function legacy(value: Saved): Uint8Array<ArrayBuffer> {
  const magic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
  const machine = dict({
    protocol_version: 1001,
    little_endian: true,
    type_sizes: dict({ short: 2, int: 4, long: 4 }),
  });
  const list = storages(value);
  const blocks = list.flatMap((
    { elements, bytes },
  ) => [new Uint8Array(BigInt64Array.of(BigInt(elements)).buffer), bytes]);
  const head = [pickle(1001), pickle(machine), pickle(value, true), pickle(list.map(({ key }) => key))];
  return concat([Uint8Array.from(magic), ...head, ...blocks]);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
