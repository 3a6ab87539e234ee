/** Small archives that promise, or hold, far more than they have bytes. */
import { constants, crc32, deflateRawSync, deflateSync } from "node:zlib";
import { tar } from "../../src/cli/npm/tar_file.ts";
import { concat } from "../formats/pth-files.ts";

/** A part of what is packed: bytes, or so many zeros. */
type Part = Uint8Array | { readonly mebibytes: number };

const MEBIBYTE = 2 ** 20;

/** gzip of the parts, made in little time: equal pieces are packed once. */
function gzipOf(parts: readonly Part[]): Uint8Array<ArrayBuffer> {
  const flushed = (bytes: Uint8Array) => deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  const zeros = new Uint8Array(MEBIBYTE);
  const mebibyte = flushed(zeros);
  const packed: Uint8Array[] = [];
  let [sum, length] = [0, 0];
  const add = (bytes: Uint8Array, deflated = flushed(bytes)) => {
    packed.push(deflated);
    sum = crc32(bytes, sum);
    length += bytes.length;
  };
  for (const part of parts) {
    if (part instanceof Uint8Array) add(part);
    else for (let i = 0; i < part.mebibytes; i++) add(zeros, mebibyte);
  }
  const trailer = new DataView(new ArrayBuffer(8));
  trailer.setUint32(0, sum, true);
  trailer.setUint32(4, length, true);
  const header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
  const end = deflateRawSync(new Uint8Array());
  return concat([Uint8Array.from(header), ...packed, end, new Uint8Array(trailer.buffer)]);
}

/** A white PNG, of 1 byte for some 300 pixels. */
function whitePng(side: number): Uint8Array {
  const chunk = (type: string, data: Uint8Array) => {
    const body = concat([new TextEncoder().encode(type), data]);
    const frame = new DataView(new ArrayBuffer(8));
    frame.setUint32(0, data.length);
    frame.setUint32(4, crc32(body));
    return concat([new Uint8Array(frame.buffer, 0, 4), body, new Uint8Array(frame.buffer, 4, 4)]);
  };
  const size = new DataView(new ArrayBuffer(13));
  size.setUint32(0, side);
  size.setUint32(4, side);
  size.setUint16(8, 0x0802);
  const rows = new Uint8Array(side * (1 + 3 * side)).fill(255);
  for (let y = 0; y < side; y++) rows[y * (1 + 3 * side)] = 0;
  return concat([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", new Uint8Array(size.buffer)),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", new Uint8Array()),
  ]);
}

/** The header of a file in a tar archive, whose content follows elsewhere. */
function header(name: string, size: number, type = "0"): Uint8Array {
  return tar([{ name, size, type, bytes: new Uint8Array() }]).subarray(0, 512);
}

const nameOf = (i: number) => `${"ab"[i % 2]}/${i}.png`;
const END = new Uint8Array(1024);

/** A file of zeros. */
const zeros = (
  i: number,
  mebibytes: number,
): readonly Part[] => [header(nameOf(i), mebibytes * MEBIBYTE), { mebibytes }];

function archiveOf(files: number, bytes: Uint8Array): readonly Part[] {
  const padding = new Uint8Array(-bytes.length & 511);
  return [...Array.from({ length: files }, (_, i) => [header(nameOf(i), bytes.length), bytes, padding]).flat(), END];
}

/** Each bomb by name: packed, and what a refusal of it has to say. */
export const BOMBS: Readonly<Record<string, { readonly bytes: () => Uint8Array<ArrayBuffer>; readonly said: RegExp }>> =
  {
    "images of 60 MiB of zeros": {
      bytes: () => gzipOf([...Array.from({ length: 8 }, (_, i) => zeros(i, 60)).flat(), END]),
      said: /a\/0\.png can't be decoded: found bytes of no image format.* \(and so 7 more files\)/,
    },
    "images of 200 MiB of zeros": {
      bytes: () => gzipOf([...zeros(0, 200), END]),
      said: /a\/0\.png has 209715200 bytes, expected an image of at most 67108864/,
    },
    "a long name of 4 GiB": {
      bytes: () => gzipOf([header("x", 2 ** 32, "x"), { mebibytes: 500 }]),
      said: /holds a pax-header of 4294967296 bytes, expected at most 65536/,
    },
    "white images of 4096×4096": {
      bytes: () => gzipOf(archiveOf(30, whitePng(4096))),
      said: /images already take more than/,
    },
    "white images of 8192×8192": {
      bytes: () => gzipOf(archiveOf(4, whitePng(8192))),
      said: /found 8192×8192 pixels in \d+ bytes, more than 64 to a byte/,
    },
  };
