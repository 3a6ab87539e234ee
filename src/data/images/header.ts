/** What an image file's first bytes say of it, whatever its name. */

export interface ImageHeader {
  readonly format: "png" | "jpeg";
  readonly height: number;
  readonly width: number;
  /** Bits of a sample. */
  readonly depth: number;
  /** What a pixel is made of; a palette's entries are colours. */
  readonly colour: "grey" | "rgb" | "cmyk";
}

/** The header of a PNG or JPEG file; otherwise what the bytes look like, as in "found …". */
export function readHeader(bytes: Uint8Array): ImageHeader | string {
  if (startsWith(bytes, PNG_SIGNATURE)) return pngHeader(bytes);
  if (startsWith(bytes, [0xff, 0xd8, 0xff])) return jpegHeader(bytes);
  return describe(bytes);
}

/** A few damaged bytes can promise any size: more than this is refused before it is allocated. */
const MOST_PIXELS = 2 ** 26;
/** Above so many, a file has to have a byte for each 64, as photographs do: a few bytes can be well-formed and do harm. */
const MANY_PIXELS = 2 ** 24;
const MOST_PIXELS_OF_A_BYTE = 64;

/**
 * The header of a file that a decoder may be given.
 *
 * @throws Error whose message says what was found instead of a PNG or JPEG with 8 bits a sample
 */
export function decodableHeader(bytes: Uint8Array): ImageHeader {
  const header = readHeader(bytes);
  if (typeof header === "string") throw new Error(`found ${header}`);
  const { format, height, width, depth, colour } = header;
  if (depth > 8) throw new Error(`found a ${format.toUpperCase()} of ${depth} bits a sample`);
  if (colour === "cmyk") throw new Error("found a JPEG of four channels (CMYK)");
  if (height * width > MOST_PIXELS) throw new Error(`found ${width}×${height} pixels, more than ${MOST_PIXELS}`);
  if (height * width > Math.max(MANY_PIXELS, MOST_PIXELS_OF_A_BYTE * bytes.length)) {
    throw new Error(
      `found ${width}×${height} pixels in ${bytes.length} bytes, more than ${MOST_PIXELS_OF_A_BYTE} to a byte`,
    );
  }
  return header;
}

/** What decoding an image file takes, in bytes: the file as it was read and in the decoder, its pixels with alpha, its planes. */
export function decodingBytes(bytes: Uint8Array): number {
  const header = readHeader(bytes);
  return 2 * bytes.length + (typeof header === "string" ? 0 : 8 * header.height * header.width);
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const PNG_IHDR_END = 33;

/** IHDR, always the first chunk: width, height, bit depth, colour type (0 grey, 2 rgb, 3 palette, 4 and 6 with alpha). */
function pngHeader(bytes: Uint8Array): ImageHeader | string {
  if (bytes.length < PNG_IHDR_END) return "a PNG file that is cut off";
  const view = viewOf(bytes);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth, type] = bytes.subarray(24);
  return { format: "png", height, width, depth, colour: type === 0 || type === 4 ? "grey" : "rgb" };
}

/**
 * The frame header, SOFn, among the marker segments: FF, marker, two bytes of length, content; here depth, height, width
 * and the number of components.
 */
function jpegHeader(bytes: Uint8Array): ImageHeader | string {
  const view = viewOf(bytes);
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1];
    if (marker === 0xff) at++; // fill byte
    else if (isFrame(marker)) {
      const components = bytes[at + 9];
      return {
        format: "jpeg",
        height: view.getUint16(at + 5),
        width: view.getUint16(at + 7),
        depth: bytes[at + 4],
        colour: components === 1 ? "grey" : components === 3 ? "rgb" : "cmyk",
      };
    } else at += 2 + view.getUint16(at + 2);
  }
  return "a JPEG file that is cut off or damaged";
}

/** SOF0 to SOF15 but for DHT, JPG and DAC, which lie among them. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** Other kinds of files that bear an image's name now and then. */
const OTHERS: readonly (readonly [what: string, at: number, magic: string])[] = [
  ["a GIF image", 0, "GIF8"],
  ["a WebP image", 8, "WEBP"],
  ["a BMP image", 0, "BM"],
  ["a TIFF image", 0, "II*\0"],
  ["a TIFF image", 0, "MM\0*"],
  ["an AVIF or HEIC image", 4, "ftyp"],
  ["a ZIP archive", 0, "PK\x03\x04"],
  ["a PDF document", 0, "%PDF"],
  ["gzip data", 0, "\x1f\x8b"],
];

function describe(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const other = OTHERS.find(([, at, magic]) => startsWith(bytes.subarray(at), [...magic].map((c) => c.charCodeAt(0))));
  if (other) return other[0];
  const start = bytes.subarray(0, 512);
  if (!start.every((byte) => byte >= 0x20 || byte === 9 || byte === 10 || byte === 13)) {
    return "bytes of no image format";
  }
  return /^\s*<(!doctype|html)/i.test(new TextDecoder().decode(start)) ? "a web page" : "a text file";
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return bytes.length >= magic.length && magic.every((byte, i) => bytes[i] === byte);
}
