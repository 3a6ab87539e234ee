/** Single elements of a case's result in float64, by the definition. */
import { elements } from "../../../src/tensor/tensor.ts";
import { random } from "../../../kernels/random/philox.ts";
import { type OpCase, type Operands, sizesOf } from "./cases.ts";

const SAMPLED = 64;

/** Indices into a case's result and what must stand there. */
export function sampledReference(op: OpCase, operands: Operands, length: number, seed: number) {
  const draw = random(seed, "bench/peers/sampled");
  return Array.from({ length: SAMPLED }, (_, i) => {
    const index = draw.below(length, 0, i);
    return { index, value: elementOf(op, operands, index) };
  });
}

export function elementOf(op: OpCase, { a, b, dy }: Operands, index: number): number {
  let sum = 0;
  if (op.kind === "gemm") {
    const [row, column] = [Math.floor(index / op.n), index % op.n];
    for (let k = 0; k < op.k; k++) sum += a[row * op.k + k] * b[column * op.k + k];
    return sum;
  }
  const sizes = sizesOf(op.shape);
  const { stride: [stride], pads: [pad], kernel: [, kernel] } = op.shape;
  const [batch, channels, height, width] = sizes.x;
  const [, filters, outHeight, outWidth] = sizes.y;
  /** Calls `use` with the positions of x, w and y that each multiply-add joins, where `fixed` allows. */
  const visit = (
    fixed: Partial<Record<"n" | "f" | "c" | "i" | "j" | "p" | "q", number>>,
    use: (x: number, w: number, y: number, at: { h: number; v: number }) => void,
  ) => {
    const span = (key: keyof typeof fixed, size: number): [number, number] =>
      fixed[key] === undefined ? [0, size] : [fixed[key], fixed[key] + 1];
    const [[n0, n1], [f0, f1], [c0, c1]] = [span("n", batch), span("f", filters), span("c", channels)];
    const [[i0, i1], [j0, j1]] = [span("i", outHeight), span("j", outWidth)];
    const [[p0, p1], [q0, q1]] = [span("p", kernel), span("q", kernel)];
    for (let n = n0; n < n1; n++) {
      for (let f = f0; f < f1; f++) {
        for (let c = c0; c < c1; c++) {
          for (let i = i0; i < i1; i++) {
            for (let p = p0; p < p1; p++) {
              const v = i * stride + p - pad;
              if (v < 0 || v >= height) continue;
              for (let j = j0; j < j1; j++) {
                for (let q = q0; q < q1; q++) {
                  const h = j * stride + q - pad;
                  if (h < 0 || h >= width) continue;
                  use(
                    ((n * channels + c) * height + v) * width + h,
                    ((f * channels + c) * kernel + p) * kernel + q,
                    ((n * filters + f) * outHeight + i) * outWidth + j,
                    { h, v },
                  );
                }
              }
            }
          }
        }
      }
    }
  };
  if (op.kind === "forward") {
    const [n, f, i, j] = coordinates(index, sizes.y);
    visit({ n, f, i, j }, (x, w) => sum += a[x] * b[w]);
    return sum;
  }
  const dxSize = op.kind === "backward" ? elements(sizes.x) : 0;
  if (index < dxSize) {
    const [n, c, v, h] = coordinates(index, sizes.x);
    visit({ n, c }, (_x, w, y, at) => {
      if (at.v === v && at.h === h) sum += dy[y] * b[w];
    });
  } else {
    const [f, c, p, q] = coordinates(index - dxSize, sizes.w);
    visit({ f, c, p, q }, (x, _w, y) => sum += a[x] * dy[y]);
  }
  return sum;
}

function coordinates(index: number, sizes: readonly number[]): number[] {
  return sizes.map((size, axis) => Math.floor(index / elements(sizes.slice(axis + 1))) % size);
}
