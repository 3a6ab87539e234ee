/**
 * Measures what this adapter can do at most (Williams, Waterman, Patterson, "Roofline", CACM 2009): multiply-adds per
 * second that stay in registers, and bytes per second to and from memory, each measured by a micro-kernel that does
 * nothing else.
 *
 * Both are rates that a WGSL program has reached here, the best of several forms of it, not the data sheet's: a
 * compiler that uses half of the machine lowers the roof for every kernel alike.
 */
import { COPY_VARIANTS, FMA_BYTES, FMA_VARIANTS, planCopy, planFma } from "../../kernels/roofline/plan.ts";
import type { Gpu, Slice } from "../gpu/gpu.ts";
import { type Contestant, type MeasureOptions, sampleInterleaved } from "./interleaved.ts";
import { median } from "./stats.ts";

export interface Roofline {
  /** These are 10⁹ operations per second; a multiply-add counts as two. */
  readonly gflops: number;
  /** These are 10⁹ bytes per second, read and written ones added. */
  readonly gbps: number;
  /** It has each form of the micro-kernels with its rate, in the same units. */
  readonly forms: readonly { readonly name: string; readonly unit: "GFLOP/s" | "GB/s"; readonly rate: number }[];
}

export interface RooflineOptions {
  /**
   * Each of the two buffers of the copy has so many bytes, a multiple of 16 and more than caches hold. The default is
   * 64 MiB.
   */
  readonly copyBytes?: number;
  /** A sample is at least so long. The default is 20. */
  readonly sampleMs?: number;
  /** See MeasureOptions. */
  readonly beforeSample?: MeasureOptions["beforeSample"];
}

const COPY_BYTES = 64 * 2 ** 20;
/** A dispatch shorter than this would measure its launch. */
const FMA_MS = 1;
const FIRST_ROUNDS = 8;
const MOST_ROUNDS = 1 << 16;
const SAMPLES = 5;

/**
 * Measures both roofs, which takes a few seconds on a software adapter. Gives undefined where `beforeSample` ended it
 * early.
 */
export async function measureRoofline(gpu: Gpu): Promise<Roofline>;
export async function measureRoofline(gpu: Gpu, options: RooflineOptions): Promise<Roofline | undefined>;
export async function measureRoofline(gpu: Gpu, options: RooflineOptions = {}): Promise<Roofline | undefined> {
  const arithmetic = await measureArithmetic(gpu, options);
  const memory = await measureMemory(gpu, options);
  if (!arithmetic || !memory) return undefined;
  const best = (rates: readonly { rate: number }[]) => Math.max(...rates.map(({ rate }) => rate));
  return { gflops: best(arithmetic), gbps: best(memory), forms: [...arithmetic, ...memory] };
}

async function measureArithmetic(gpu: Gpu, options: RooflineOptions): Promise<Roofline["forms"] | undefined> {
  const y = scratch(gpu, FMA_BYTES);
  const rounds = await roundsFor(gpu, y);
  const forms = FMA_VARIANTS.map((variant) => {
    const plan = planFma(variant, rounds);
    const name = `multiply-adds, ${variant.chains} × ${variant.width === 4 ? "vec4" : "f32"}`;
    return { name, work: plan.flops, record: () => gpu.run(plan, [y], name) };
  });
  try {
    return await rates(gpu, forms, options, "GFLOP/s");
  } finally {
    y.buffer.release();
  }
}

/** Gives so many rounds that the form with the fewest operations fills FMA_MS. */
async function roundsFor(gpu: Gpu, y: Slice): Promise<number> {
  const [smallest] = [...FMA_VARIANTS].sort((a, b) => a.chains * a.width - b.chains * b.width);
  const time = async (rounds: number) => (await gpu.time(() => gpu.run(planFma(smallest, rounds), [y]))).ms;
  await time(1);
  for (let rounds = FIRST_ROUNDS;; rounds *= 2) {
    if (rounds >= MOST_ROUNDS || await time(rounds) >= FMA_MS) return rounds;
  }
}

async function measureMemory(gpu: Gpu, options: RooflineOptions): Promise<Roofline["forms"] | undefined> {
  const bytes = Math.min(options.copyBytes ?? COPY_BYTES, gpu.bindingBytes, gpu.limits.maxBufferSize);
  const [from, to] = [scratch(gpu, bytes), scratch(gpu, bytes)];
  gpu.clear(from);
  const forms = [
    ...COPY_VARIANTS.map((perThread) => {
      const plan = planCopy(bytes, perThread);
      const name = `copy, ${perThread} × vec4 per thread`;
      return { name, work: 2 * bytes, record: () => gpu.run(plan, [from, to], name) };
    }),
    { name: "copyBufferToBuffer", work: 2 * bytes, record: () => gpu.copy(from, to) },
  ];
  try {
    return await rates(gpu, forms, options, "GB/s");
  } finally {
    from.buffer.release();
    to.buffer.release();
  }
}

const SAMPLE_MS = 20;
const FEW = { seconds: 0, minSamples: SAMPLES, maxSamples: SAMPLES };

interface Form extends Contestant {
  /** One run has so many operations or bytes. */
  readonly work: number;
}

async function rates(
  gpu: Gpu,
  forms: readonly Form[],
  { sampleMs = SAMPLE_MS, beforeSample }: RooflineOptions,
  unit: "GFLOP/s" | "GB/s",
): Promise<Roofline["forms"] | undefined> {
  const sampled = await sampleInterleaved(gpu, forms, { ...FEW, sampleMs, beforeSample });
  if (sampled.some(({ samplesMs }) => samplesMs.length === 0)) return undefined;
  return forms.map(({ name, work }, i) => ({ name, unit, rate: work / median(sampled[i].samplesMs) / 1e6 }));
}

function scratch(gpu: Gpu, byteLength: number): Slice & { readonly buffer: ReturnType<Gpu["alloc"]> } {
  return { buffer: gpu.alloc(byteLength, "roofline"), byteOffset: 0, byteLength };
}
