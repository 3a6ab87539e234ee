/** PNG and JPEG files to pixels: those of libpng and libjpeg-turbo, as PyTorch's tools read them. */
import decodeJpeg, { init } from "@jsquash/jpeg/decode.js";
import decodePng from "@jsquash/png/decode.js";
import { readHeader } from "./header.ts";

/** 8 bits a sample, planar. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  /** [3, height, width]; of a grey image all three are alike. */
  readonly planes: Uint8Array<ArrayBuffer>;
  readonly grey: boolean;
}

/** A few damaged bytes can promise any size: more than this is refused before it is allocated. */
const MOST_PIXELS = 2 ** 26;
/** Above so many, a file has to have a byte for each 64, as photographs do: a few bytes can be well-formed and do harm. */
const MANY_PIXELS = 2 ** 24;
const MOST_PIXELS_OF_A_BYTE = 64;

/** The decoder writes its complaints one by one; it decodes one image at a time. */
let complaints: string[] = [];
let ready: Promise<void> | undefined;

/**
 * Alpha is dropped, as by PIL's `convert("RGB")`; orientation marks are ignored, as by PIL. A file of few damaged bytes
 * decodes as libjpeg decodes it.
 * @throws Error whose message says what was found instead of a PNG or JPEG with 8 bits a sample
 */
export async function decodeImage(bytes: Uint8Array<ArrayBuffer>): Promise<Picture> {
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
  const image = format === "png" ? await png(bytes) : await jpeg(bytes);
  const planes = toPlanes(image);
  // As large as all planes and more, and not collected before the next image needs as much.
  (image.data.buffer as ArrayBuffer).transfer(0);
  return { height, width, planes, grey: colour === "grey" };
}

async function png(bytes: Uint8Array<ArrayBuffer>): Promise<ImageData> {
  try {
    return await decodePng(exact(bytes));
  } catch {
    throw new Error("found a PNG that is cut off or damaged");
  }
}

async function jpeg(bytes: Uint8Array<ArrayBuffer>): Promise<ImageData> {
  ready ??= init({ printErr: (text: string) => complaints.push(text) });
  await ready;
  complaints = [];
  const image = await decodeJpeg(exact(bytes)).catch(() => undefined);
  const cutOff = complaints.find((text) => text.startsWith("Premature end"));
  if (image && !cutOff) return image;
  throw new Error(
    cutOff ? "found a JPEG that is cut off" : `found a JPEG that is damaged (${complaints[0] ?? "no reason"})`,
  );
}

/** The decoders take whole buffers. */
function exact({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): ArrayBuffer {
  return byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
}

function toPlanes({ data, width, height }: ImageData): Uint8Array<ArrayBuffer> {
  const plane = width * height;
  const planes = new Uint8Array(3 * plane);
  for (let i = 0, from = 0; i < plane; i++, from += 4) {
    planes[i] = data[from];
    planes[plane + i] = data[from + 1];
    planes[2 * plane + i] = data[from + 2];
  }
  return planes;
}
