/** PNG and JPEG files to pixels by the browser's own decoders: it has them already, and the page's policy allows no WebAssembly. */
import { decodableHeader } from "../../data/images/header.ts";
import { type Picture, planesOf } from "../../data/images/picture.ts";

/**
 * Pixels as they are in the file, without its colour profile, upright as its orientation mark says.
 *
 * @throws Error whose message says what was found instead of a PNG or JPEG with 8 bits a sample
 */
export async function decodeInBrowser(bytes: Uint8Array<ArrayBuffer>): Promise<Picture> {
  const { format, colour } = decodableHeader(bytes);
  const blob = new Blob([bytes], { type: `image/${format}` });
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" } as const;
  const bitmap = await createImageBitmap(blob, options).catch(() => {
    throw new Error(`found a ${format.toUpperCase()} that is cut off or damaged`);
  });
  try {
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
    context.drawImage(bitmap, 0, 0);
    return { width, height, planes: planesOf(context.getImageData(0, 0, width, height)), grey: colour === "grey" };
  } finally {
    bitmap.close();
  }
}
