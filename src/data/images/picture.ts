/** A decoded image. */

/** 8 bits a sample, planar. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  /** [3, height, width]; of a grey image all three are alike. */
  readonly planes: Uint8Array<ArrayBuffer>;
  readonly grey: boolean;
}

/** [3, height, width] of [height, width, 4], as decoders make it. Alpha is dropped, as by PIL's `convert("RGB")`. */
export function planesOf({ data, width, height }: Pick<ImageData, "data" | "width" | "height">): Picture["planes"] {
  const plane = width * height;
  const planes = new Uint8Array(3 * plane);
  for (let i = 0, from = 0; i < plane; i++, from += 4) {
    planes[i] = data[from];
    planes[plane + i] = data[from + 1];
    planes[2 * plane + i] = data[from + 2];
  }
  return planes;
}
