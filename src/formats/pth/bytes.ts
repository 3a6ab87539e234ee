import { UserError } from "../../errors.ts";

/** Reads numbers and lines from bytes, in order; little-endian where the name says nothing else. */
export interface ByteReader {
  readonly at: number;
  readonly left: number;
  u8(): number;
  u16(): number;
  u32(): number;
  i32(): number;
  /** @throws UserError above 2^53 */
  u64(): number;
  f64BigEndian(): number;
  /** A view of the next `count` bytes. */
  take(count: number): Uint8Array;
  /** ASCII up to the next line feed, which is left out. */
  line(): string;
}

/** Every reading throws a UserError where the bytes end before it does, and makes room for nothing before that. */
export function byteReader(bytes: Uint8Array): ByteReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const advance = (count: number) => {
    if (count > bytes.length - at) {
      throw new UserError(`${count} bytes promised at byte ${at}, ${bytes.length - at} left`);
    }
    at += count;
    return at - count;
  };
  return {
    get at() {
      return at;
    },
    get left() {
      return bytes.length - at;
    },
    u8: () => view.getUint8(advance(1)),
    u16: () => view.getUint16(advance(2), true),
    u32: () => view.getUint32(advance(4), true),
    i32: () => view.getInt32(advance(4), true),
    u64() {
      const value = view.getBigUint64(advance(8), true);
      if (value > Number.MAX_SAFE_INTEGER) throw new UserError(`the length ${value} at byte ${at - 8} is absurd`);
      return Number(value);
    },
    f64BigEndian: () => view.getFloat64(advance(8), false),
    take(count) {
      const start = advance(count);
      return bytes.subarray(start, start + count);
    },
    line() {
      const end = bytes.indexOf(0x0a, at);
      if (end < 0) throw new UserError(`a line at byte ${at} has no end`);
      const line = bytes.subarray(at, end);
      at = end + 1;
      if (line.length > 200 || !line.every((byte) => byte > 0x20 && byte < 0x7f)) {
        throw new UserError(`a line at byte ${at - line.length - 1} is no name`);
      }
      return String.fromCharCode(...line);
    },
  };
}
