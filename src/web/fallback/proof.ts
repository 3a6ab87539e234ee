/** That a backend computes what a layer is: against loops in float64, on shapes where edges and strides matter. */
import { random } from "../../../kernels/random/philox.ts";
import { builder } from "../../graph/build.ts";
import { referenceNode } from "../../graph/reference/forward.ts";
import type { SelfTest } from "../../measure/session/types.ts";
import type { Backend } from "./backend.ts";
import { layersOf, type LayerWork } from "./work.ts";

const SHAPES = [
  { channels: 3, size: 7, filters: 5, kernel: 3, stride: 2, pad: 1, groups: 1 },
  { channels: 4, size: 6, filters: 8, kernel: 3, stride: 1, pad: 1, groups: 4 },
  { channels: 13, size: 1, filters: 11, kernel: 1, stride: 1, pad: 0, groups: 1 },
  { channels: 3, size: 7, filters: 5, kernel: 3, stride: 2, pad: 1, groups: 1, taps: [0, 4, 7, 13, 26] },
] as const;
const BATCH = 2;

/** Computes each shape once and tells how far off the worst was. */
export function proveBackend(backend: Backend): SelfTest {
  let worst = 0;
  for (const shape of SHAPES) worst = Math.max(worst, relativeError(backend, workOf(shape)));
  const passed = worst <= backend.tolerance;
  const detail = `${backend.name} is off by ${worst.toExponential(1)} of the largest result, ` +
    `${backend.tolerance.toExponential(0)} is allowed`;
  return {
    checks: [{ name: "float64", outcome: passed ? "passed" : "failed", detail }],
    path: { dynamicOffsets: false, workgroupMemory: false, f16: false, subgroups: false },
    trusted: passed,
  };
}

/** Seeded inputs and weights of a layer. */
export function operandsOf(work: LayerWork): { x: Float32Array<ArrayBuffer>; w: Float32Array<ArrayBuffer> } {
  const { batch, channels, height, width, filters, taps } = work;
  const rng = random(1, "fallback");
  return {
    x: rng.fillNormal(new Float32Array(batch * channels * height * width), 0),
    w: rng.fillNormal(new Float32Array(filters * taps.length), 1),
  };
}

/** So many of a layer's results are computed again: all of them would take longer than what is measured. */
const PROBES = 64;

/**
 * @param y what a backend computed of a layer that is going to be timed: large ones may fail where the proof's don't
 * @throws Error naming the layer where some of it is off by more than `tolerance` of the largest
 */
export function proveLayer(
  work: LayerWork,
  x: Float32Array,
  w: Float32Array,
  y: Float32Array,
  tolerance: number,
): void {
  const { layer, batch, filters, outHeight, outWidth } = work;
  const count = batch * filters * outHeight * outWidth;
  if (y.length !== count) throw new Error(`${layer}: ${y.length} numbers came back, ${count} were expected`);
  const probes = Math.min(PROBES, count);
  const places = Array.from({ length: probes }, (_, i) => Math.round(i * (count - 1) / Math.max(1, probes - 1)));
  const expected = places.map((at) => resultAt(work, x, w, at));
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = places.reduce((most, at, i) => larger(most, Math.abs(y[at] - expected[i])), 0) / largest;
  if (worst > tolerance) {
    throw new Error(`${layer} is off by ${worst.toExponential(1)} of the largest result: its results are wrong here`);
  }
}

/** One of [N,F,OH,OW], in float64. */
function resultAt(work: LayerWork, x: Float32Array, w: Float32Array, at: number): number {
  const { channels, height, width, filters, groups, taps, outHeight, outWidth } = work;
  const { stride, pads, dilation } = work;
  const column = at % outWidth, row = Math.floor(at / outWidth) % outHeight;
  const filter = Math.floor(at / (outWidth * outHeight)) % filters;
  const image = Math.floor(at / (outWidth * outHeight * filters));
  const first = image * channels + Math.floor(filter / (filters / groups)) * (channels / groups);
  let sum = 0;
  taps.forEach(([channel, i, j], tap) => {
    const y = row * stride[0] - pads[0] + i * dilation[0];
    const left = column * stride[1] - pads[1] + j * dilation[1];
    if (y < 0 || y >= height || left < 0 || left >= width) return;
    sum += w[filter * taps.length + tap] * x[((first + channel) * height + y) * width + left];
  });
  return sum;
}

/** What isn't a number is as wrong as can be. */
function larger(most: number, value: number): number {
  return value <= most ? most : Number.isNaN(value) ? Infinity : value;
}

function relativeError(backend: Backend, work: LayerWork): number {
  const { x, w } = operandsOf(work);
  const prepared = backend.prepare(work, x, w);
  try {
    prepared.run(2);
    const found = prepared.result();
    const { columns, batch, channels, height, width, filters, kernel, groups, taps } = work;
    const weight = columns === "kept" ? [filters, taps.length] : [filters, channels / groups, ...kernel];
    const expected = referenceNode(work.node, [
      { shape: [batch, channels, height, width], data: Float64Array.from(x) },
      { shape: weight, data: Float64Array.from(w) },
    ]).data;
    if (found.length !== expected.length) return Infinity;
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return expected.reduce((most, value, i) => larger(most, Math.abs(found[i] - value)), 0) / largest;
  } finally {
    prepared.dispose();
  }
}

function workOf(shape: (typeof SHAPES)[number]): LayerWork {
  const { channels, size, filters, kernel, stride, pad, groups } = shape;
  const net = builder("proof", ["N", channels, size, size]);
  const options = { name: "conv", out: filters, kernel, stride, pad, bias: false };
  if ("taps" in shape) net.columnConv(net.input, { ...options, taps: shape.taps });
  else net.conv(net.input, { ...options, group: groups });
  return layersOf(net.graph(), BATCH)[0];
}
