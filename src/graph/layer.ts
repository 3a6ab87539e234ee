/**
 * The kernels of one fused layer: dense by default; a sparse format's where the tuner measured it to be faster, on this
 * device, for these very zeros. No measurement, no sparse kernel.
 */
import { convForwardCandidates, planConvForward } from "../../kernels/conv/forward.ts";
import { convOutput, type ConvShape } from "../../kernels/conv/shape.ts";
import { type Contiguous, gemmCandidates, type GemmShape, planGemm } from "../../kernels/gemm/plan.ts";
import type { Epilogue, Launch } from "../../kernels/launch.ts";
import { planUnary } from "../../kernels/pointwise/unary.ts";
import { FORMATS, type PackedWeight, type SparseFormat } from "../../kernels/sparse/format.ts";
import { type Candidate, choose, type Tuning } from "../../kernels/tuning.ts";
import type { HostTensor } from "./types.ts";

/** A layer and what is fused into it. */
export type LayerShape =
  & { readonly epilogue: Epilogue }
  & (
    | { readonly kind: "conv"; readonly conv: ConvShape }
    | {
      readonly kind: "linear";
      readonly m: number;
      readonly n: number;
      readonly k: number;
      /** [n,k] ("k"), or [k,n] ("rows") as a MatMul has it. */
      readonly weight: Contiguous;
    }
  );

/** Fewer zeros than this are no structure worth looking for. */
const LEAST_ZEROS = 0.1;
const DENSE = "dense";

/**
 * The launch of a layer with this weight. Operands: "x" and "w" (a dense linear layer calls them "a" and "b"), "y" and, as
 * the epilogue says, "bias" and "residual".
 */
export function planLayer(layer: LayerShape, weight: HostTensor, tuning: Tuning): Launch {
  const dense = () => planDense(layer, tuning);
  // Sparse formats pack filters, which are rows of the weight, and bind all that they packed at once.
  if (layer.kind === "linear" && layer.weight === "rows") return dense();
  if (4 * weight.data.length > (tuning.bindingBytes ?? Infinity)) return dense();
  if (zerosIn(weight.data) < LEAST_ZEROS * weight.data.length) return dense();
  const shapeClass = sparseClass(layer, weight.data);
  const measured = tuning.winners?.[shapeClass] ?? DENSE;
  // Packing every format costs time: only to measure them, or to run the one that won.
  if (measured === DENSE && !tuning.onChoice) return dense();
  // All ways with their numbers at hand, so that a measurement may compare what they compute.
  const denseWay = {
    name: DENSE,
    cost: denseCost(layer, tuning),
    build: () => withNumbers(dense(), weight.data, "w", "b"),
  };
  return choose(shapeClass, [denseWay, ...sparseCandidates(layer, weight, tuning)], tuning).build();
}

function planDense(layer: LayerShape, tuning: Tuning): Launch {
  return layer.kind === "conv"
    ? planConvForward(layer.conv, layer.epilogue, tuning)
    : planGemm(productOf(layer), tuning);
}

/** What the best dense way is estimated to take, in ns. */
function denseCost(layer: LayerShape, tuning: Tuning): number {
  const ways = layer.kind === "conv"
    ? convForwardCandidates(layer.conv, layer.epilogue, tuning)
    : gemmCandidates(productOf(layer), tuning);
  return Math.min(...ways.map(({ cost }) => cost));
}

function productOf({ m, n, k, weight, epilogue }: LayerShape & { readonly kind: "linear" }): GemmShape {
  return { m, n, k, a: "k", b: weight, fixed: "b", ...epilogue };
}

/** Every way of every format that finds its structure in the weight. Unmeasured, none is ever the cheapest. */
function sparseCandidates(layer: LayerShape, weight: HostTensor, tuning: Tuning): Candidate[] {
  return FORMATS.flatMap((format) => {
    const packed = format.pack(weight.data, weight.shape);
    if (!packed) return [];
    return waysOf(format, layer, packed, tuning).map(({ name, build }) => ({
      name: `${format.name} ${name}`,
      cost: Infinity,
      build: () => withNumbers(build(), packed.values, "values"),
    }));
  });
}

function waysOf(format: SparseFormat, layer: LayerShape, packed: PackedWeight, tuning: Tuning): Candidate[] {
  const { activation } = layer.epilogue;
  if (activation === "gelu" || activation === "geluTanh") {
    // Its kernels don't, so that another one does it behind them.
    const plain = { ...layer, epilogue: { ...layer.epilogue, activation: "none" } } as const;
    return waysOf(format, plain, packed, tuning).map((way) => ({
      ...way,
      build: () => withActivation(way.build(), activation, outputsOf(layer)),
    }));
  }
  if (layer.kind === "conv") return format.conv(layer.conv, packed, layer.epilogue, tuning);
  const { m, n, k, epilogue } = layer;
  return format.gemm({ m, n, k, ...epilogue }, packed, tuning);
}

function outputsOf(layer: LayerShape): number {
  if (layer.kind === "linear") return layer.m * layer.n;
  const [rows, cols] = convOutput(layer.conv);
  return layer.conv.batch * layer.conv.filters * rows * cols;
}

/** What follows a launch whose y so far lies in scratch. */
function withActivation(launch: Launch, activation: "gelu" | "geluTanh", size: number): Launch {
  const steps = launch.steps.map((step) => ({
    ...step,
    bindings: step.bindings.map((name) => name === "y" ? "plain" : name),
  }));
  return {
    ...launch,
    steps: [...steps, { plan: planUnary(activation, size), bindings: ["plain", "y"] }],
    scratch: { ...launch.scratch, plain: 4 * size },
  };
}

/** `numbers` as a table of the launch, under each of these names that it binds. */
function withNumbers(launch: Launch, numbers: Float32Array<ArrayBuffer>, ...names: string[]): Launch {
  const steps = [...launch.prepare ?? [], ...launch.steps];
  const bound = names.filter((name) => steps.some(({ bindings }) => bindings.includes(name)));
  const words = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  return { ...launch, tables: { ...launch.tables, ...Object.fromEntries(bound.map((name) => [name, words])) } };
}

/** Shape and zeros: where the zeros lie decides what a sparse kernel costs. */
function sparseClass(layer: LayerShape, weight: Float32Array): string {
  const sizes = layer.kind === "conv" ? Object.values(layer.conv).flat() : [layer.m, layer.n, layer.k];
  return `sparse ${layer.kind} ${sizes.join(" ")} zeros ${zerosHash(weight)}`;
}

/** A loop, because `reduce` takes ten times as long over the millions of numbers of a network. */
function zerosIn(weight: Float32Array): number {
  let zeros = 0;
  for (let i = 0; i < weight.length; i++) if (weight[i] === 0) zeros++;
  return zeros;
}

/** FNV-1a over which elements are zero, 32 bits as hex. */
function zerosHash(weight: Float32Array): string {
  let state = 0x811c9dc5;
  for (const value of weight) state = Math.imul(state ^ (value === 0 ? 1 : 2), 0x01000193);
  return (state >>> 0).toString(16).padStart(8, "0");
}
