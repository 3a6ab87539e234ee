/**
 * A drawing as the digits were made: the writing's box, centred in a square, on a grid of 32×32 black or white points, of
 * which each 4×4 block is counted: 8×8 values from 0 to 16 (E. Alpaydin and C. Kaynak, 1998).
 */

/** Pixels of the canvas on each side. */
export const SIDE = 256;
/** Of a pen: two points of the 32×32 grid, as handwriting of the set has. */
export const LINE_WIDTH = 20;
const POINTS = 32;
const BLOCK = 4;
/** Share of the square that the writing's longer side takes up. */
const FILL = 0.94;
/** Below it a pixel is ink. */
const DARK = 128;

/** Undefined for an empty canvas. */
export function inkGrid(canvas: HTMLCanvasElement): number[] | undefined {
  const { data } = canvas.getContext("2d")!.getImageData(0, 0, SIDE, SIDE);
  return countInk((x, y) => data[4 * (y * SIDE + x)] < DARK, SIDE);
}

/** The same of any bitmap of side² pixels. Pure. */
export function countInk(isInk: (x: number, y: number) => boolean, side: number): number[] | undefined {
  let [left, right, top, bottom] = [side, -1, side, -1];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (!isInk(x, y)) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  if (right < 0) return undefined;
  const extent = Math.max(right - left + 1, bottom - top + 1) / FILL;
  const [x0, y0] = [(left + right + 1 - extent) / 2, (top + bottom + 1 - extent) / 2];
  const step = extent / POINTS;
  const pixels = new Array<number>((POINTS / BLOCK) ** 2).fill(0);
  for (let row = 0; row < POINTS; row++) {
    for (let column = 0; column < POINTS; column++) {
      const x = Math.floor(x0 + (column + 0.5) * step);
      const y = Math.floor(y0 + (row + 0.5) * step);
      if (x < 0 || y < 0 || x >= side || y >= side || !isInk(x, y)) continue;
      pixels[Math.floor(row / BLOCK) * (POINTS / BLOCK) + Math.floor(column / BLOCK)]++;
    }
  }
  return pixels;
}
