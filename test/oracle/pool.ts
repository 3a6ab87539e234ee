/** Pooling of [maps, h, w] in plain float64 loops; ONNX semantics with ceil_mode 0. */
export interface Windows {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
}

export type Pooling = "max" | "mean over the window" | "mean over the taps inside";

export function pool(x: Float64Array, h: number, w: number, windows: Windows, kind: Pooling): Float64Array {
  const { kernel: [kh, kw], strides: [sh, sw], pads: [top, left] } = windows;
  const [oh, ow] = pooled(h, w, windows);
  const maps = x.length / (h * w);
  const y = new Float64Array(maps * oh * ow);
  for (let m = 0; m < maps; m++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        let best = -Infinity, total = 0, taps = 0;
        for (let a = 0; a < kh; a++) {
          for (let b = 0; b < kw; b++) {
            const r = i * sh - top + a, c = j * sw - left + b;
            if (r < 0 || r >= h || c < 0 || c >= w) continue;
            const v = x[(m * h + r) * w + c];
            best = Math.max(best, v);
            total += v;
            taps++;
          }
        }
        y[(m * oh + i) * ow + j] = kind === "max" ? best : total / (kind === "mean over the window" ? kh * kw : taps);
      }
    }
  }
  return y;
}

export function pooled(h: number, w: number, { kernel, strides, pads }: Windows): [number, number] {
  return [
    Math.floor((h + pads[0] + pads[2] - kernel[0]) / strides[0]) + 1,
    Math.floor((w + pads[1] + pads[3] - kernel[1]) / strides[1]) + 1,
  ];
}
