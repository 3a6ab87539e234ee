/**
 * A pickle machine that can only build data. The opcodes are those that Python's pickler (protocols 2 to 5) writes for
 * dicts, lists, tuples, numbers, texts and calls of a few functions; what a global or a call means is up to `Meaning`,
 * and any other opcode is refused by its name. Reference: Python's pickletools.
 */
import { UserError } from "../../errors.ts";
import type { ByteReader } from "./bytes.ts";
import { describe, type Dict, isKind, tuple, type Value } from "./values.ts";

export interface Meaning {
  /** The global of this qualified name. @throws UserError for one that isn't allowed */
  readonly global: (name: string) => Value;
  readonly call: (callee: Value, args: readonly Value[]) => Value;
  readonly persistent: (id: Value) => Value;
}

/** A tensor's entry takes about 40 steps; the largest step makes a few hundred bytes. */
const MAX_STEPS = 2_000_000;

/**
 * The value of the pickle at the reader's position, which moves behind it.
 * @throws UserError where the pickle is damaged, too long, or asks for what `meaning` or this machine doesn't allow
 */
export function unpickle(reader: ByteReader, meaning: Meaning): Value {
  const machine: Machine = { reader, meaning, stack: [], marks: [], memo: new Map() };
  for (let step = 0; step < MAX_STEPS; step++) {
    const at = reader.at;
    const opcode = String.fromCharCode(reader.u8());
    if (opcode === ".") return pop(machine);
    if (!Object.hasOwn(STEPS, opcode)) {
      throw new UserError(`pickle opcode ${REFUSED[opcode] ?? hex(opcode)} at byte ${at} isn't supported`);
    }
    STEPS[opcode](machine);
  }
  throw new UserError(`its pickle takes more than ${MAX_STEPS} steps; save the state dict alone`);
}

interface Machine {
  readonly reader: ByteReader;
  readonly meaning: Meaning;
  readonly stack: Value[];
  /** Heights of the stack that MARK remembered. */
  readonly marks: number[];
  readonly memo: Map<number, Value>;
}

const push = (get: (reader: ByteReader) => Value) => (m: Machine) => void m.stack.push(get(m.reader));
const put = (index: (m: Machine) => number) => (m: Machine) => void m.memo.set(index(m), top(m));
const recall = (index: (reader: ByteReader) => number) => (m: Machine) => {
  const key = index(m.reader);
  const value = m.memo.get(key);
  if (value === undefined) throw new UserError(`its pickle reads the missing memo ${key}`);
  m.stack.push(value);
};
const tupleOf = (count: number) => (m: Machine) => {
  const items = Array.from({ length: count }, () => pop(m)).reverse();
  m.stack.push(tuple(items));
};

/** By opcode, the character that pickletools gives it. */
const STEPS: Readonly<Record<string, (m: Machine) => void>> = {
  "\x80": ({ reader }) => {
    const protocol = reader.u8();
    if (protocol < 2 || protocol > 5) {
      throw new UserError(`pickle protocol ${protocol} isn't supported, expected 2 to 5`);
    }
  },
  "\x95": ({ reader }) => { // FRAME: a hint for buffering
    reader.u64();
  },
  "(": (m) => void m.marks.push(m.stack.length),
  "0": (m) => void pop(m),
  "1": (m) => void popMark(m),
  "2": (m) => void m.stack.push(top(m)),

  "N": push(() => null),
  "\x88": push(() => true),
  "\x89": push(() => false),
  "K": push((reader) => reader.u8()),
  "M": push((reader) => reader.u16()),
  "J": push((reader) => reader.i32()),
  "\x8a": push((reader) => long(reader.take(reader.u8()))),
  "G": push((reader) => reader.f64BigEndian()),
  "X": push((reader) => utf8(reader.take(reader.u32()))),
  "\x8c": push((reader) => utf8(reader.take(reader.u8()))),
  "T": push((reader) => utf8(reader.take(reader.u32()))), // texts of Python 2, which torch.load takes for UTF-8 too
  "U": push((reader) => utf8(reader.take(reader.u8()))),
  "B": push((reader) => reader.take(reader.u32())),
  "C": push((reader) => reader.take(reader.u8())),

  ")": push(() => tuple([])),
  "\x85": tupleOf(1),
  "\x86": tupleOf(2),
  "\x87": tupleOf(3),
  "t": (m) => void m.stack.push(tuple(popMark(m))),
  "]": push(() => ({ kind: "list", items: [] })),
  "a": (m) => append(m, [pop(m)]),
  "e": (m) => append(m, popMark(m)),
  "}": push(() => new Map()),
  "s": (m) => setItems(m, [pop(m), pop(m)].reverse()),
  "u": (m) => setItems(m, popMark(m)),

  "q": put(({ reader }) => reader.u8()),
  "r": put(({ reader }) => reader.u32()),
  "\x94": put(({ memo }) => memo.size),
  "h": recall((reader) => reader.u8()),
  "j": recall((reader) => reader.u32()),

  "c": (m) => void m.stack.push(m.meaning.global(`${m.reader.line()}.${m.reader.line()}`)),
  "\x93": (m) => {
    const name = pop(m);
    const module = pop(m);
    if (typeof name !== "string" || typeof module !== "string") throw new UserError("its pickle names no global");
    m.stack.push(m.meaning.global(`${module}.${name}`));
  },
  "R": (m) => {
    const args = pop(m);
    const callee = pop(m);
    if (!isKind(args, "tuple")) throw new UserError(`its pickle calls ${describe(callee)} with ${describe(args)}`);
    m.stack.push(m.meaning.call(callee, args.items));
  },
  "b": (m) => {
    const state = pop(m);
    // The attributes of a state dict: the versions of its modules, which say nothing about the tensors.
    const attributes = top(m) instanceof Map && state instanceof Map;
    if (!attributes) throw new UserError(`its pickle sets the state of ${describe(top(m))} to ${describe(state)}`);
  },
  "Q": (m) => void m.stack.push(m.meaning.persistent(pop(m))),
};

/** Names for opcodes that exist and aren't supported. */
const REFUSED: Readonly<Record<string, string>> = {
  "I": "INT",
  "L": "LONG",
  "F": "FLOAT",
  "S": "STRING",
  "V": "UNICODE",
  "l": "LIST",
  "d": "DICT",
  "p": "PUT",
  "g": "GET",
  "P": "PERSID",
  "i": "INST",
  "o": "OBJ",
  "\x81": "NEWOBJ",
  "\x82": "EXT1",
  "\x83": "EXT2",
  "\x84": "EXT4",
  "\x8b": "LONG4",
  "\x8d": "BINUNICODE8",
  "\x8e": "BINBYTES8",
  "\x8f": "EMPTY_SET",
  "\x90": "ADDITEMS",
  "\x91": "FROZENSET",
  "\x92": "NEWOBJ_EX",
  "\x96": "BYTEARRAY8",
  "\x97": "NEXT_BUFFER",
  "\x98": "READONLY_BUFFER",
};

function top(m: Machine): Value {
  if (m.stack.length <= (m.marks.at(-1) ?? 0)) throw new UserError("its pickle takes from an empty stack");
  return m.stack.at(-1)!;
}

function pop(m: Machine): Value {
  const value = top(m);
  m.stack.pop();
  return value;
}

function popMark(m: Machine): Value[] {
  const mark = m.marks.pop();
  if (mark === undefined) throw new UserError("its pickle takes from an empty stack");
  return m.stack.splice(mark);
}

function append(m: Machine, values: readonly Value[]): void {
  const list = top(m);
  if (!isKind(list, "list")) throw new UserError(`its pickle appends to ${describe(list)}`);
  for (const value of values) list.items.push(value);
}

function setItems(m: Machine, pairs: readonly Value[]): void {
  const dict = top(m);
  if (!(dict instanceof Map)) throw new UserError(`its pickle sets items of ${describe(dict)}`);
  if (pairs.length % 2 !== 0) throw new UserError("its pickle sets an item without a value");
  for (let i = 0; i < pairs.length; i += 2) setItem(dict, pairs[i], pairs[i + 1]);
}

/** @throws UserError where the key is there already, which no pickler writes */
export function setItem(dict: Dict, key: Value, value: Value): void {
  if (dict.has(key)) throw new UserError(`a dict has the key ${describe(key)} twice`);
  dict.set(key, value);
}

/** Two's complement, little-endian. */
function long(bytes: Uint8Array): number | bigint {
  let value = 0n;
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte);
  value = BigInt.asIntN(8 * bytes.length, value);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UserError("a text in its pickle isn't UTF-8");
  }
}

function hex(opcode: string): string {
  return `0x${opcode.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
