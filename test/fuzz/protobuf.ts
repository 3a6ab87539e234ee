/** Damage inside protocol buffers that keeps every length around it right. */
import { concat } from "../formats/pth-files.ts";
import type { Draws } from "./draws.ts";

/** A field as it stands: its key, and the rest; what may be a message is read as one where it can be. */
interface Field {
  number: number;
  wire: number;
  value: Uint8Array;
  inner?: Field[];
}

/** 1 to 3 fields, at any depth, changed, taken out, doubled, exchanged or nested. */
export function mutateProtobuf(bytes: Uint8Array, dice: Draws): Uint8Array {
  const root = parse(bytes, 0)!;
  for (let changes = 1 + dice.below(3); changes > 0; changes--) mutateFields(root, dice);
  return write(root);
}

function mutateFields(fields: Field[], dice: Draws): void {
  if (fields.length === 0) return;
  const at = dice.below(fields.length);
  const field = fields[at];
  if (field.inner && dice.below(6) > 0) return mutateFields(field.inner, dice);
  switch (dice.below(8)) {
    case 0:
      fields.splice(at, 1);
      break;
    case 1:
      fields.splice(at, 0, structuredClone(field));
      break;
    case 2: {
      const other = dice.below(fields.length);
      [fields[at], fields[other]] = [fields[other], field];
      break;
    }
    case 3:
      field.number = 1 + dice.below(20);
      break;
    case 4:
      Object.assign(field, { wire: 0, inner: undefined, value: varint(dice.pick(HUGE)) });
      break;
    case 5: {
      const value = field.inner ? write(field.inner) : field.value.slice();
      for (let i = 0; i < 3 && value.length > 0; i++) value[dice.below(value.length)] = dice.below(256);
      Object.assign(field, { inner: undefined, value });
      break;
    }
    case 6: {
      const text = dice.pick(["", "N", "x\n\0y", "Conv", "Loop", "ConstantOfShape", "é".repeat(300), "__proto__"]);
      Object.assign(field, { wire: 2, inner: undefined, value: new TextEncoder().encode(text) });
      break;
    }
    default: {
      let deep = field;
      for (let i = dice.pick([3, 300]); i > 0; i--) {
        deep = { number: field.number, wire: 2, value: EMPTY, inner: [deep] };
      }
      fields[at] = deep;
    }
  }
}

const EMPTY = new Uint8Array();
const HUGE = [0n, 1n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 40n, 2n ** 62n, 2n ** 64n - 1n] as const;

/** Enough for a model's tensors and attributes; deeper bytes stay as they are. */
const MAX_DEPTH = 5;

function parse(bytes: Uint8Array, depth: number): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const next = (): number | undefined => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= bytes.length) return undefined;
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const key = next();
    if (key === undefined || key < 8) return undefined;
    const wire = key % 8;
    let start = at;
    if (wire === 0) {
      if (next() === undefined) return undefined;
    } else if (wire === 1 || wire === 5) at += wire === 1 ? 8 : 4;
    else if (wire === 2) {
      const length = next();
      if (length === undefined) return undefined;
      start = at;
      at += length;
    } else return undefined;
    if (at > bytes.length) return undefined;
    const value = bytes.slice(start, at);
    const inner = wire === 2 && value.length > 1 && depth < MAX_DEPTH ? parse(value, depth + 1) : undefined;
    fields.push({ number: Math.floor(key / 8), wire, value, inner });
  }
  return fields;
}

function write(fields: readonly Field[]): Uint8Array {
  return concat(fields.flatMap(({ number, wire, value, inner }) => {
    const content = inner ? write(inner) : value;
    return [varint(BigInt(number * 8 + wire)), ...wire === 2 ? [varint(BigInt(content.length))] : [], content];
  }));
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 128n; value >>= 7n) bytes.push(Number(value & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(value)]);
}
