/** The single operations that are contested: their shapes, operands and results, in our layouts. */
import { convMacs, convOutput, type ConvShape } from "../../../kernels/conv/shape.ts";
import { random } from "../../../kernels/random/philox.ts";
import { elements } from "../../../src/tensor/tensor.ts";
import type { Goals } from "../match.ts";

export interface GemmCase {
  readonly kind: "gemm";
  readonly name: string;
  readonly goals: Goals;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** "backward" is the gradient of the data and of the weights; where x is the images, of the weights only. */
export interface ConvCase {
  readonly kind: "forward" | "backward" | "backward of weights";
  readonly name: string;
  readonly goals: Goals;
  readonly shape: ConvShape;
}

export type OpCase = GemmCase | ConvCase;

/**
 * GEMM: a [m,k], b [n,k], y = a·bᵀ [m,n]. Forward: a = x, b = w, y. Backward: a = x, b = w and dy, to [dx, dw] one after the other.
 */
export interface Operands {
  readonly a: Float32Array<ArrayBuffer>;
  readonly b: Float32Array<ArrayBuffer>;
  readonly dy: Float32Array<ArrayBuffer>;
}

const GEMM_GOALS: Goals = { "tfjs-webgpu": 2.5, "jax-js": 2 };
const FORWARD_GOALS: Goals = { "tfjs-webgpu": 4, "jax-js": 4 };
const BACKWARD_GOALS: Goals = { "tfjs-webgpu": 3, "jax-js": 3 };

const GEMMS = [[512, 512, 512], [509, 513, 517], [127, 2000, 333], [64, 500, 800]] as const;

/** The distinct convolutions of ResNet-20 (option A) at batch 32: name, channels, side, filters, stride. */
const RESNET20 = [
  ["stem 3→16, 32²", 3, 32, 16, 1],
  ["16→16, 32²", 16, 32, 16, 1],
  ["16→32, 32², stride 2", 16, 32, 32, 2],
  ["32→32, 16²", 32, 16, 32, 1],
  ["32→64, 16², stride 2", 32, 16, 64, 2],
  ["64→64, 8²", 64, 8, 64, 1],
] as const;

export const OP_CASES: readonly OpCase[] = [
  ...GEMMS.map(([m, n, k]): OpCase => ({
    kind: "gemm",
    name: `GEMM ${m}×${n}×${k}`,
    goals: GEMM_GOALS,
    m,
    n,
    k,
  })),
  ...RESNET20.map(([name, channels, side, filters, stride]): OpCase => ({
    kind: "forward",
    name: `forward ${name}`,
    goals: FORWARD_GOALS,
    shape: conv3x3(32, channels, side, filters, stride),
  })),
  ...RESNET20.map(([name, channels, side, filters, stride]): OpCase => ({
    kind: channels === 3 ? "backward of weights" : "backward",
    name: `${channels === 3 ? "wgrad" : "dgrad + wgrad"} ${name}`,
    goals: BACKWARD_GOALS,
    shape: conv3x3(32, channels, side, filters, stride),
  })),
  ...[1, 32].map((batch): OpCase => ({
    kind: "forward",
    name: `forward 512→512, 7², batch ${batch}`,
    goals: batch === 1 ? { "tfjs-webgpu": 2 } : {},
    shape: conv3x3(batch, 512, 7, 512, 1),
  })),
];

/** Multiply-adds that one call asks for. */
export function macsOf(op: OpCase): number {
  if (op.kind === "gemm") return op.m * op.n * op.k;
  return convMacs(op.shape) * (op.kind === "backward" ? 2 : 1);
}

export function sizesOf(shape: ConvShape): Record<"x" | "w" | "y", [number, number, number, number]> {
  const { batch, channels, height, width, filters, kernel } = shape;
  const [outHeight, outWidth] = convOutput(shape);
  return {
    x: [batch, channels, height, width],
    w: [filters, channels, ...kernel],
    y: [batch, filters, outHeight, outWidth],
  };
}

export function operandsOf(op: OpCase, seed: number): Operands {
  const draw = (stream: string, size: number) =>
    random(seed, `bench/peers/${stream}`).fillNormal(new Float32Array(size), 0);
  if (op.kind === "gemm") {
    return { a: draw("a", op.m * op.k), b: draw("b", op.n * op.k), dy: new Float32Array(0) };
  }
  const { x, w, y } = sizesOf(op.shape);
  return { a: draw("a", elements(x)), b: draw("b", elements(w)), dy: draw("dy", elements(y)) };
}

function conv3x3(batch: number, channels: number, side: number, filters: number, stride: number): ConvShape {
  return {
    batch,
    channels,
    height: side,
    width: side,
    filters,
    kernel: [3, 3],
    stride: [stride, stride],
    pads: [1, 1, 1, 1],
    dilation: [1, 1],
    groups: 1,
  };
}
