/** Damage inside of PNG and JPEG files: chunks and segments with what frames them right. */
import { crc32, deflateSync } from "node:zlib";
import { concat } from "../formats/pth-files.ts";
import { type Draws, HUGE } from "./draws.ts";

interface Part {
  kind: string;
  data: Uint8Array;
}

/** 1 to 3 chunks changed, taken out, doubled, exchanged or made up; lengths and checksums are those of what then stands there. */
export function mutatePng(bytes: Uint8Array, dice: Draws): Uint8Array {
  const chunks: Part[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    chunks.push({ kind: text(bytes.subarray(at + 4, at + 8)), data: bytes.slice(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  mutateParts(chunks, dice, ["IHDR", "PLTE", "tRNS", "IDAT", "IEND", "acTL", "iCCP", "zTXt"]);
  const [header] = chunks;
  if (header?.kind === "IHDR" && header.data.length >= 13 && dice.once(3)) {
    const sizes = new DataView(header.data.buffer);
    sizes.setUint32(4 * dice.below(2), dice.pick([0, 1, 65_535, 30_000, ...HUGE]) >>> 0);
    if (dice.once(2)) header.data[8 + dice.below(5)] = dice.below(18);
  }
  if (dice.once(8)) chunks.push({ kind: "IDAT", data: deflateSync(new Uint8Array(dice.pick([10, 100_000, 2 ** 24]))) });
  return concat([
    bytes.subarray(0, 8),
    ...chunks.map(({ kind, data }) => {
      const body = concat([new TextEncoder().encode(kind), data]);
      return concat([bigEndian(data.length), body, bigEndian(crc32(body))]);
    }),
  ]);
}

/** The same for a JPEG's segments; what follows the first scan's header stays as it is or loses some bytes. */
export function mutateJpeg(bytes: Uint8Array, dice: Draws): Uint8Array {
  const segments: Part[] = [];
  let at = 2;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1];
    const length = view.getUint16(at + 2);
    segments.push({ kind: String.fromCharCode(marker), data: bytes.slice(at + 4, at + 2 + length) });
    at += 2 + length;
    if (marker === 0xda) break;
  }
  mutateParts(segments, dice, ["\xc0", "\xc2", "\xc4", "\xdb", "\xda", "\xdd", "\xe1", "\xfe"]);
  const frame = segments.find(({ kind }) => kind === "\xc0");
  if (frame && frame.data.length >= 6 && dice.once(3)) {
    new DataView(frame.data.buffer).setUint16(1 + 2 * dice.below(2), dice.pick([0, 1, 9000, 65_535]));
    if (dice.once(2)) frame.data[dice.pick([0, 5])] = dice.pick([0, 1, 3, 4, 12, 255]);
  }
  return concat([
    bytes.subarray(0, 2),
    ...segments.map(({ kind, data }) =>
      concat([Uint8Array.of(0xff, kind.charCodeAt(0)), bigEndian(data.length + 2).subarray(2), data])
    ),
    bytes.subarray(at, dice.once(6) ? at + dice.below(bytes.length - at) : undefined),
  ]);
}

function mutateParts(parts: Part[], dice: Draws, kinds: readonly string[]): void {
  for (let changes = dice.below(4); changes > 0 && parts.length > 0; changes--) {
    const at = dice.below(parts.length);
    const { kind, data } = parts[at];
    switch (dice.below(7)) {
      case 0:
        parts.splice(at, 1);
        break;
      case 1:
        parts.splice(at, 0, { kind, data: data.slice() });
        break;
      case 2: {
        const other = dice.below(parts.length);
        [parts[at], parts[other]] = [parts[other], parts[at]];
        break;
      }
      case 3:
        parts[at] = { kind: dice.pick(kinds), data };
        break;
      case 4:
        parts[at] = { kind, data: data.slice(0, dice.below(data.length + 1)) };
        break;
      default:
        for (let i = 0; i < 3 && data.length > 0; i++) data[dice.below(data.length)] = dice.below(256);
    }
  }
}

function text(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function bigEndian(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
