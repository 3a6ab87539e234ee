/** PNG and JPEG files to pixels: those of libpng and libjpeg-turbo, as PyTorch's tools read them. */
import decodeJpeg, { init } from "@jsquash/jpeg/decode.js";
import decodePng from "@jsquash/png/decode.js";
import { decodableHeader } from "./header.ts";
import { type Picture, planesOf } from "./picture.ts";

/** The decoder writes its complaints one by one; it decodes one image at a time. */
let complaints: string[] = [];
let ready: Promise<void> | undefined;

/**
 * Alpha is dropped, as by PIL's `convert("RGB")`; orientation marks are ignored, as by PIL. A file of few damaged bytes
 * decodes as libjpeg decodes it.
 * @throws Error whose message says what was found instead of a PNG or JPEG with 8 bits a sample
 */
export async function decodeImage(bytes: Uint8Array<ArrayBuffer>): Promise<Picture> {
  const { format, height, width, colour } = decodableHeader(bytes);
  const image = format === "png" ? await png(bytes) : await jpeg(bytes);
  const planes = planesOf(image);
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
