/** Convolution, its transpose, Gemm and ColumnConv as plain sums. */

import type { ColumnConvAttrs, ConvAttrs, ConvTransposeAttrs, RegionConvAttrs } from "../attrs.ts";
import { type Array64, zeros } from "./array.ts";

/** y[n,f,i,j] = b[f] + Σ_{c,kh,kw} w[f,c,kh,kw] · x[n, c + group offset, i·s − p + kh·d, j·s − p + kw·d]. */
export function convReference(
  [x, weight, bias]: readonly Array64[],
  attrs: ConvAttrs,
  shape: readonly number[],
): Array64 {
  const y = output(shape, bias);
  const [filters, perGroup, kh, kw] = weight.shape;
  for (let f = 0; f < filters; f++) {
    const group = Math.floor(f / (filters / attrs.group));
    for (let c = 0; c < perGroup; c++) {
      for (let ki = 0; ki < kh; ki++) {
        for (let kj = 0; kj < kw; kj++) {
          const w = weight.data[((f * perGroup + c) * kh + ki) * kw + kj];
          addTap(y, f, x, group * perGroup + c, ki, kj, w, attrs);
        }
      }
    }
  }
  return y;
}

/** y[n, f + group offset, i·s − p + kh·d, j·s − p + kw·d] += w[c,f,kh,kw] · x[n,c,i,j], from y = b[f] on. */
export function convTransposeReference(
  [x, weight, bias]: readonly Array64[],
  { strides, pads, dilations, group }: ConvTransposeAttrs,
  shape: readonly number[],
): Array64 {
  const y = output(shape, bias);
  const [channels, perGroup, kh, kw] = weight.shape;
  const [batch, , height, width] = x.shape;
  const [, filters, oh, ow] = shape;
  weight.data.forEach((w, at) => {
    const [ki, kj] = [Math.floor(at / kw) % kh, at % kw];
    const c = Math.floor(at / (perGroup * kh * kw));
    const f = Math.floor(c / (channels / group)) * perGroup + Math.floor(at / (kh * kw)) % perGroup;
    for (let n = 0; n < batch; n++) {
      for (let i = 0; i < height; i++) {
        for (let j = 0; j < width; j++) {
          const row = i * strides[0] - pads[0] + ki * dilations[0];
          const col = j * strides[1] - pads[1] + kj * dilations[1];
          if (row < 0 || row >= oh || col < 0 || col >= ow) continue;
          y.data[((n * filters + f) * oh + row) * ow + col] += w *
            x.data[((n * channels + c) * height + i) * width + j];
        }
      }
    }
  });
  return y;
}

/** A convolution over the kept columns: y[f] = b[f] + Σ_t w[f,t] · (column taps[t] of x). */
export function columnConvReference(
  [x, weight, bias]: readonly Array64[],
  attrs: ColumnConvAttrs,
  shape: readonly number[],
): Array64 {
  const [kh, kw] = attrs.kernel;
  // [N,K] is an image of one pixel.
  const image = { shape: [...x.shape, 1, 1].slice(0, 4), data: x.data };
  const y = output(shape, bias);
  const yImage = { shape: [...y.shape, 1, 1].slice(0, 4), data: y.data };
  const [filters, kept] = weight.shape;
  for (let f = 0; f < filters; f++) {
    for (let t = 0; t < kept; t++) {
      const tap = attrs.taps[t];
      const c = Math.floor(tap / (kh * kw));
      const ki = Math.floor(tap / kw) % kh;
      addTap(yImage, f, image, c, ki, tap % kw, weight.data[f * kept + t], attrs);
    }
  }
  return y;
}

/** The convolution of each region in turn, of which its own pixels are taken. */
export function regionConvReference(
  [x, weight, bias]: readonly Array64[],
  { rows, cols, ...attrs }: RegionConvAttrs,
  shape: readonly number[],
): Array64 {
  const y = zeros(shape);
  const [regions, filters, ...rest] = weight.shape;
  const across = Math.max(...cols) + 1;
  for (let region = 0; region < regions; region++) {
    const part = ({ data }: Array64, size: readonly number[]) => {
      const length = data.length / regions;
      return { shape: size, data: data.slice(region * length, (region + 1) * length) };
    };
    const made = convReference([x, part(weight, [filters, ...rest]), part(bias, [filters])], attrs, shape);
    made.data.forEach((v, at) => {
      const [row, col] = [Math.floor(at / cols.length) % rows.length, at % cols.length];
      if (rows[row] * across + cols[col] === region) y.data[at] = v;
    });
  }
  return y;
}

/** y = x·wᵀ + b. */
export function gemmReference([x, weight, bias]: readonly Array64[], _: void, shape: readonly number[]): Array64 {
  const y = output(shape, bias);
  const [filters, inputs] = weight.shape;
  for (let n = 0; n < x.shape[0]; n++) {
    for (let f = 0; f < filters; f++) {
      let sum = 0;
      for (let k = 0; k < inputs; k++) sum += x.data[n * inputs + k] * weight.data[f * inputs + k];
      y.data[n * filters + f] += sum;
    }
  }
  return y;
}

/** The output, filled with the bias. */
function output(shape: readonly number[], bias: Array64 | undefined): Array64 {
  const y = zeros(shape);
  const filters = y.shape[1];
  const pixels = y.data.length / (y.shape[0] * filters);
  if (bias) {
    for (let i = 0; i < y.data.length; i++) y.data[i] = bias.data[Math.floor(i / pixels) % filters];
  }
  return y;
}

/** Adds w · (channel c of x, shifted by one kernel position) to channel f of y, for all samples and pixels. */
function addTap(y: Array64, f: number, x: Array64, c: number, ki: number, kj: number, w: number, attrs: ConvAttrs) {
  if (w === 0) return;
  const [batch, filters, oh, ow] = y.shape;
  const [, channels, h, width] = x.shape;
  const [sh, sw] = attrs.strides;
  const top = ki * attrs.dilations[0] - attrs.pads[0];
  const left = kj * attrs.dilations[1] - attrs.pads[1];
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < oh; i++) {
      const row = i * sh + top;
      if (row < 0 || row >= h) continue;
      const yRow = ((n * filters + f) * oh + i) * ow;
      const xRow = ((n * channels + c) * h + row) * width;
      for (let j = 0; j < ow; j++) {
        const col = j * sw + left;
        if (col >= 0 && col < width) y.data[yRow + j] += w * x.data[xRow + col];
      }
    }
  }
}
