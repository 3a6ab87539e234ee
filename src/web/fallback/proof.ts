/** That a backend computes what a layer is: against loops in float64, on shapes where edges and strides matter. */
import { random } from "../../../kernels/random/philox.ts";
import { builder } from "../../graph/build.ts";
import { columnConv, conv, gemm } from "../../graph/reference/conv.ts";
import type { SelfTest } from "../../measure/session/types.ts";
import type { Backend } from "./backend.ts";
import { layersOf, type LayerWork } from "./work.ts";

const SHAPES = [
  { channels: 3, size: 7, filters: 5, kernel: 3, stride: 2, pad: 1, groups: 1 },
  { channels: 4, size: 6, filters: 8, kernel: 3, stride: 1, pad: 1, groups: 4 },
  { channels: 13, size: 1, filters: 11, kernel: 1, stride: 1, pad: 0, groups: 1 },
  { channels: 3, size: 7, filters: 5, kernel: 3, stride: 2, pad: 1, groups: 1, taps: [0, 4, 7, 13, 26] },
] as const;
const REFERENCE = { Conv: conv, ColumnConv: columnConv, Gemm: gemm } as const;
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
    path: { dynamicOffsets: false, f16: false, subgroups: false },
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

function relativeError(backend: Backend, work: LayerWork): number {
  const { x, w } = operandsOf(work);
  const prepared = backend.prepare(work, x, w);
  try {
    prepared.run(2);
    const found = prepared.result();
    const { op, batch, channels, height, width, filters, kernel, groups, taps } = work;
    const weight = op === "ColumnConv" ? [filters, taps.length] : [filters, channels / groups, ...kernel];
    const expected = REFERENCE[op](work.node, [
      { shape: [batch, channels, height, width], data: Float64Array.from(x) },
      { shape: weight, data: Float64Array.from(w) },
    ]).data;
    if (found.length !== expected.length) return Infinity;
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    let error = 0;
    for (let i = 0; i < expected.length; i++) {
      const gap = Math.abs(found[i] - expected[i]) / largest;
      if (!(gap <= error)) error = Number.isNaN(gap) ? Infinity : gap;
    }
    return error;
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
