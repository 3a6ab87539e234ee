/** Resizing as torchvision's Resize(size) and CenterCrop(size) do with PIL images: bilinear, antialiased, in bytes. */
import type { Picture } from "./picture.ts";

/** The shorter side becomes `size`, the longer keeps the ratio (rounded down); then the middle size×size is cut out. */
export function resizeAndCrop(picture: Picture, size: number): Picture {
  const { height, width } = picture;
  const long = (side: number, other: number) => side <= other ? size : Math.floor(size * side / other);
  const [h, w] = [long(height, width), long(width, height)];
  return centreCrop(resize(picture, h, w), size);
}

/** Rows, then columns, each rounded to bytes, as Pillow's `Image.resize(…, BILINEAR)`. */
export function resize(picture: Picture, height: number, width: number): Picture {
  return resizeRows(resizeColumns(picture, width), height);
}

function resizeColumns({ height, width, planes, grey }: Picture, to: number): Picture {
  if (to === width) return { height, width, planes, grey };
  const windows = windowsOf(width, to);
  const out = new Uint8Array(3 * height * to);
  for (let row = 0; row < 3 * height; row++) {
    windows.forEach(({ first, weights }, x) => {
      let sum = HALF;
      const from = row * width + first;
      for (let k = 0; k < weights.length; k++) sum += planes[from + k] * weights[k];
      out[row * to + x] = clampByte(sum >> PRECISION_BITS);
    });
  }
  return { height, width: to, planes: out, grey };
}

function resizeRows({ height, width, planes, grey }: Picture, to: number): Picture {
  if (to === height) return { height, width, planes, grey };
  const windows = windowsOf(height, to);
  const out = new Uint8Array(3 * to * width);
  for (let c = 0; c < 3; c++) {
    windows.forEach(({ first, weights }, y) => {
      const from = (c * height + first) * width;
      const row = (c * to + y) * width;
      for (let x = 0; x < width; x++) {
        let sum = HALF;
        for (let k = 0; k < weights.length; k++) sum += planes[from + k * width + x] * weights[k];
        out[row + x] = clampByte(sum >> PRECISION_BITS);
      }
    });
  }
  return { height: to, width, planes: out, grey };
}

/** Fixed point, so that a weighted sum of bytes fits 32 bits: Pillow's own precision. */
const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

/** What one output pixel reads. */
interface Window {
  readonly first: number;
  readonly weights: Int32Array;
}

/** A triangle around each output pixel's centre, as wide as the scale where an axis shrinks, of one pixel where it grows. */
function windowsOf(from: number, to: number): Window[] {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const perPixel = 1 / support;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const exact = Array.from({ length: end - first }, (_, k) => {
      const distance = Math.abs((first + k - centre + 0.5) * perPixel);
      return Math.max(0, 1 - distance);
    });
    const total = exact.reduce((a, b) => a + b, 0);
    return { first, weights: Int32Array.from(exact, (w) => Math.trunc(0.5 + w / total * (1 << PRECISION_BITS))) };
  });
}

function clampByte(value: number): number {
  return Math.max(0, Math.min(255, value));
}

function centreCrop(picture: Picture, size: number): Picture {
  const { height, width, planes, grey } = picture;
  if (height === size && width === size) return picture;
  const [top, left] = [roundHalfToEven((height - size) / 2), roundHalfToEven((width - size) / 2)];
  const out = new Uint8Array(3 * size * size);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < size; y++) {
      const from = (c * height + top + y) * width + left;
      out.set(planes.subarray(from, from + size), (c * size + y) * size);
    }
  }
  return { height: size, width: size, planes: out, grey };
}

/** As Python rounds. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + floor % 2 : Math.round(value);
}
