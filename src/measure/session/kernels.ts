/**
 * Measures kernels by themselves, against the roofs: products, 3×3 convolutions, and block-sparse products against the
 * dense one. Weights are packed before, as inference does.
 */
import "../../disposable.ts";
import { planConvForward } from "../../../kernels/conv/forward.ts";
import { convMacs, type ConvShape } from "../../../kernels/conv/shape.ts";
import { planGemm } from "../../../kernels/gemm/plan.ts";
import type { Launch } from "../../../kernels/launch.ts";
import { random } from "../../../kernels/random/philox.ts";
import { bsr } from "../../../kernels/sparse/bsr.ts";
import { choose } from "../../../kernels/tuning.ts";
import type { Gpu, Slice } from "../../gpu/gpu.ts";
import { launch, tuningFor } from "../../tensor/ops/launch.ts";
import { elements, Tensor } from "../../tensor/tensor.ts";
import { type Contestant, type MeasureOptions, sampleInterleaved } from "../interleaved.ts";
import { bound } from "../bound.ts";
import { mad, median } from "../stats.ts";
import type { KernelTime, Roof } from "./types.ts";

/** This is one sort of kernel, all of whose sizes and densities are measured in turns. */
export type Family = KernelTime["family"];
export const FAMILIES: readonly Family[] = ["gemm", "conv", "block-sparse"];

/**
 * The first is measured on every device, so that all can be compared; each larger one where it takes no longer than
 * this.
 */
const KERNEL_MS = 20;
/** A kernel will reach at least this share of the arithmetic roof, which serves to guess how long it takes. */
const SHARE = 0.25;
const GEMM_SIZES = [256, 512, 1024];
/** These are stages of a ResNet for small images, as batch, channels, side and filters. */
const CONVS = [[8, 16, 32, 16], [8, 64, 8, 64], [32, 64, 32, 64]] as const;
const SPARSE_SIZES = [256, 512, 1024];
const DENSITIES = [1, 0.5, 0.25, 0.1];
const BLOCK = 16;

const SAMPLES = 7;

interface Job extends Contestant {
  readonly shape: string;
  readonly density: number;
  /** It counts 2 for each multiply-add. */
  readonly flops: number;
  /** It counts inputs, weights and outputs, moved once. */
  readonly bytes: number;
}

/** Times a family's kernels in turns; what `beforeSample` left without a sample isn't told. */
export async function measureKernels(
  gpu: Gpu,
  family: Family,
  roof: Roof,
  options: Pick<MeasureOptions, "beforeSample"> = {},
): Promise<KernelTime[]> {
  using stack = new DisposableStack();
  const fits = (flops: number) => flops / (SHARE * roof.gflops) / 1e6 <= KERNEL_MS;
  const jobs = JOBS[family](createBench(gpu, stack), fits);
  const sampled = await sampleInterleaved(gpu, jobs, {
    seconds: 0,
    minSamples: SAMPLES,
    maxSamples: SAMPLES,
    sampleMs: 10,
    longestSampleMs: 2000,
    ...options,
  });
  return jobs.flatMap(({ shape, density, flops, bytes }, i) => {
    const { samplesMs } = sampled[i];
    if (samplesMs.length === 0) return [];
    const medianMs = median(samplesMs);
    return {
      family,
      shape,
      density,
      medianMs,
      madMs: mad(samplesMs),
      samples: samplesMs.length,
      gflops: flops / medianMs / 1e6,
      intensity: flops / bytes,
      ofRoof: bound(flops, bytes, roof).ms / medianMs,
    };
  });
}

interface Bench {
  readonly gpu: Gpu;
  /** Makes a tensor of small random numbers: zeros could be cheaper to multiply. */
  tensor(shape: readonly number[]): Tensor;
  from(data: Float32Array): Tensor;
  /** Runs now what depends on the weights only; the rest is recorded in scratch of its own. */
  recorder(plan: Launch, operands: Readonly<Record<string, Slice>>, label: string): () => void;
}

function createBench(gpu: Gpu, stack: DisposableStack): Bench {
  const rng = random(1, "kernels");
  let drawn = 0;
  const own = (tensor: Tensor) => stack.use(tensor);
  return {
    gpu,
    tensor: (shape) =>
      own(Tensor.from(gpu, rng.fillNormal(new Float32Array(elements(shape)), drawn++, 0, 0.01), shape)),
    from: (data) => own(Tensor.from(gpu, data, [data.length])),
    recorder(plan, operands, label) {
      const scratch = Object.fromEntries(
        Object.entries(plan.scratch).map(([name, bytes]) => [name, own(Tensor.empty(gpu, [Math.ceil(bytes / 4)]))]),
      );
      const all = { ...operands, ...scratch };
      if (plan.prepare) launch(gpu, plan, all, label, plan.prepare);
      return () => launch(gpu, plan, all, label);
    },
  };
}

/** Says whether a kernel of so many operations is short enough here. */
type Fits = (flops: number) => boolean;

const JOBS: Readonly<Record<Family, (bench: Bench, fits: Fits) => Job[]>> = {
  gemm: (bench, fits) =>
    GEMM_SIZES.filter((size, i) => i === 0 || fits(2 * size ** 3)).map((size) => denseJob(bench, size)),
  conv: (bench, fits) =>
    CONVS.map(convShape).filter((shape, i) => i === 0 || fits(2 * convMacs(shape))).map((shape) =>
      convJob(bench, shape)
    ),
  "block-sparse": (bench, fits) => {
    const size = SPARSE_SIZES.findLast((size, i) => i === 0 || fits(2 * size ** 3))!;
    return DENSITIES.map((density) => density === 1 ? denseJob(bench, size) : sparseJob(bench, size, density));
  },
};

function denseJob(bench: Bench, size: number): Job {
  const [a, b, y] = [0, 1, 2].map(() => bench.tensor([size, size]));
  const shape = cube(size);
  const plan = planGemm({ m: size, n: size, k: size, a: "k", b: "k", fixed: "b" }, tuningFor(bench.gpu));
  return {
    name: shape,
    shape,
    density: 1,
    flops: 2 * size ** 3,
    bytes: 4 * 3 * size ** 2,
    record: bench.recorder(plan, { a, b, y }, shape),
  };
}

function sparseJob(bench: Bench, size: number, density: number): Job {
  const shape = cube(size), name = `${shape} at ${density}`;
  const packed = bsr.pack(blockSparse(size, density), [size, size])!;
  const tuning = tuningFor(bench.gpu);
  const sizes = { m: size, n: size, k: size };
  const plan = choose(`session bsr ${name}`, bsr.gemm(sizes, packed, tuning), tuning).build();
  const operands = { x: bench.tensor([size, size]), y: bench.tensor([size, size]), values: bench.from(packed.values) };
  return {
    name,
    shape,
    density,
    flops: 2 * size * packed.stored,
    bytes: 4 * 2 * size ** 2 + packed.bytes,
    record: bench.recorder(plan, operands, name),
  };
}

function convJob(bench: Bench, shape: ConvShape): Job {
  const { batch, channels, height, width, filters, kernel } = shape;
  const x = bench.tensor([batch, channels, height, width]);
  const w = bench.tensor([filters, channels, ...kernel]);
  const y = bench.tensor([batch, filters, height, width]);
  const name = `${x.shape.join("×")} → ${filters}, 3×3`;
  return {
    name,
    shape: name,
    density: 1,
    flops: 2 * convMacs(shape),
    bytes: x.byteLength + w.byteLength + y.byteLength,
    record: bench.recorder(planConvForward(shape, {}, tuningFor(bench.gpu)), { x, w, y }, name),
  };
}

function convShape([batch, channels, side, filters]: typeof CONVS[number]): ConvShape {
  return {
    batch,
    channels,
    height: side,
    width: side,
    filters,
    kernel: [3, 3],
    groups: 1,
    stride: [1, 1],
    pads: [1, 1, 1, 1],
    dilation: [1, 1],
  };
}

function cube(size: number): string {
  return `${size}×${size}×${size}`;
}

/** Makes normal numbers in round(density · blocks) of the 16×16 blocks, at random places. */
function blockSparse(size: number, density: number): Float32Array {
  const rng = random(1, `block-sparse ${density}`);
  const across = size / BLOCK;
  const kept = new Set(rng.permutation(across ** 2, 0).slice(0, Math.round(density * across ** 2)));
  const weight = rng.fillNormal(new Float32Array(size ** 2), 1, 0, 0.01);
  return weight.map((value, i) => {
    const block = Math.floor(i / size / BLOCK) * across + Math.floor(i % size / BLOCK);
    return kept.has(block) ? value : 0;
  });
}
