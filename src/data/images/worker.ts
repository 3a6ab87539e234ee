/** A worker thread that decodes batches of image files, one message for each. */
import { decodeImage } from "./decode.ts";
import type { Picture } from "./picture.ts";
import { resizeAndCrop } from "./resize.ts";

export interface Job {
  readonly files: readonly Uint8Array<ArrayBuffer>[];
  /** Sides of the square that images are resized and cropped to; undefined: as they are. */
  readonly size: number | undefined;
}

/** For each file its picture, or what was found instead of one. */
export type Decoded = readonly (Picture | string)[];

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Job>) => void;
  postMessage(message: Decoded, transfer: Transferable[]): void;
};

scope.onmessage = async ({ data: { files, size } }) => {
  const decoded: (Picture | string)[] = [];
  for (const bytes of files) {
    try {
      const picture = await decodeImage(bytes);
      decoded.push(size === undefined ? picture : resizeAndCrop(picture, size));
    } catch (error) {
      decoded.push((error as Error).message);
    }
    // The thread may be idle for long before it would be collected.
    bytes.buffer.transfer(0);
  }
  scope.postMessage(decoded, decoded.flatMap((one) => typeof one === "string" ? [] : [one.planes.buffer]));
};
