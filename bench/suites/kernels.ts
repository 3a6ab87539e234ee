/**
 * Suite "kernels": our own kernels by themselves, against the roofs of the adapter. Operations are those that the layer
 * asks for, whatever the kernel does inside; what a call does around its main kernel (packing, padding, reducing) counts
 * as its time.
 */
import { convMacs, convOutput, type ConvShape, squareConv } from "../../kernels/conv/shape.ts";
import { choose } from "../../kernels/tuning.ts";
import type { Gpu, Slice } from "../../src/gpu/gpu.ts";
import { type KernelQuestion, kernelRequest } from "../../src/measure/kernel_question.ts";
import { launch, tuningFor } from "../../src/tensor/ops/launch.ts";
import { elements } from "../../src/tensor/tensor.ts";
import {
  atLeast,
  atMost,
  type Case,
  type Job,
  type MeasuredSuite,
  measureJobs,
  type Row,
  type SuiteOptions,
  type Timed,
  type Work,
} from "../suite.ts";
import type { Workbench } from "../workbench.ts";
import { layerCases } from "./layers.ts";

export const kernels: MeasuredSuite = {
  name: "kernels",
  title: "Kernels against the roofs of this adapter",
  notes: [
    "flops are those that the layer asks for (2 per multiply-add; halos and padding aren't counted), bytes are inputs, " +
    "weights and outputs moved once.",
    "MAC share: the time that a shape should take by its multiply-adds, going by the regular shape beside it.",
  ],
  defaults: { seed: 1, rounds: 5 },
  cases: (options) => [
    ...GEMMS.map((sizes) => gemmCase(sizes, options)),
    ...RESNET20.map((layer) => convCase(layer, options)),
    ...WIDTHS.map((pair) => widthsCase(pair, options)),
    sevenCase(options),
    ...OTHERS.map((layer) => convCase(layer, options)),
    ...layerCases(options),
  ],
};

type Direction = "forward" | "dgrad" | "wgrad";

interface Layer {
  readonly table: string;
  readonly name: string;
  readonly shape: ConvShape;
  readonly directions: readonly Direction[];
}

const PEAK_SHARE = 0.45;
const MAC_SHARE = 1.15;
const DIRECTIONS = ["forward", "dgrad", "wgrad"] as const;

/** m, n, k: a square one and three whose sizes suit no tile. */
const GEMMS = [[512, 512, 512], [509, 513, 517], [127, 2000, 333], [64, 500, 800]] as const;

/** The distinct convolutions of ResNet-20 (option A) at batch 32. Nobody needs the gradient of the images. */
const RESNET20: readonly Layer[] = ([
  ["stem 3→16, 32²", [32, 3, 32, 32], 16, 1, ["forward", "wgrad"]],
  ["16→16, 32²", [32, 16, 32, 32], 16, 1, DIRECTIONS],
  ["16→32, 32², stride 2", [32, 16, 32, 32], 32, 2, DIRECTIONS],
  ["32→32, 16²", [32, 32, 16, 16], 32, 1, DIRECTIONS],
  ["32→64, 16², stride 2", [32, 32, 16, 16], 64, 2, DIRECTIONS],
  ["64→64, 8²", [32, 64, 8, 8], 64, 1, DIRECTIONS],
] as const).map(([name, input, filters, stride, directions]) => ({
  table: "Convolutions 3×3 of ResNet-20, batch 32",
  name,
  shape: conv(input, filters, { stride }),
  directions,
}));

/** Pruned widths and the regular ones that they are measured by; maps as in the stages of ResNet-20, batch 32. */
const WIDTHS = [[13, 16, 32], [29, 32, 16], [51, 64, 8]] as const;

const OTHERS: readonly Layer[] = [
  ["1×1, 64→256, 14², batch 8", conv([8, 64, 14, 14], 256, { kernel: 1 })] as const,
  ["1×1, 256→64, 14², batch 8", conv([8, 256, 14, 14], 64, { kernel: 1 })] as const,
  ["depthwise 3×3, 128, 14², batch 8", conv([8, 128, 14, 14], 128, { groups: 128 })] as const,
  ["depthwise 3×3, 96, 29², stride 2, batch 8", conv([8, 96, 29, 29], 96, { groups: 96, stride: 2 })] as const,
].map(([name, shape]) => ({ table: "Convolutions 1×1 and depthwise", name, shape, directions: DIRECTIONS }));

function gemmCase([m, n, k]: readonly [number, number, number], options: SuiteOptions): Case {
  const name = `${m}×${n}×${k}`;
  const work = { flops: 2 * m * n * k, bytes: 4 * (m * k + n * k + m * n) };
  return {
    name: `GEMM ${name}`,
    run: async (bench) => {
      const jobs = await measureJobs(bench, options, (w) => {
        const operands = { a: w.tensor([m, k]), b: w.tensor([n, k]), y: w.tensor([m, n]) };
        return (["nt", "nn", "tn"] as const).flatMap((form) =>
          kernelJob(bench.gpu, `${name} ${form}`, { kernel: "gemm", form, m, n, k }, { operands, work }, options)
        );
      });
      return jobs.map((job) => ({
        ...rowOf("GEMM, m×n×k", job),
        goal: atLeast(
          `≥ ${100 * PEAK_SHARE} % of the multiply-add peak`,
          work.flops / job.time.medianMs / 1e6 / bench.roofline.gflops,
          PEAK_SHARE,
        ),
      }));
    },
  };
}

function convCase({ table, name, shape, directions }: Layer, options: SuiteOptions): Case {
  return {
    name: `convolution ${name}`,
    run: async (bench) => {
      const jobs = await measureJobs(
        bench,
        options,
        (w) => convJobs(bench.gpu, w, { name, shape, directions }, options),
      );
      return jobs.map((job) => rowOf(table, job));
    },
  };
}

/** A pruned width, forward and backward, beside the regular one above it. */
function widthsCase([odd, regular, side]: readonly [number, number, number], options: SuiteOptions): Case {
  const shapeOf = (width: number) => conv([32, width, side, side], width);
  const share = convMacs(shapeOf(odd)) / convMacs(shapeOf(regular));
  const layerOf = (width: number) => ({
    name: `${width}→${width}, ${side}²`,
    shape: shapeOf(width),
    directions: DIRECTIONS,
  });
  return {
    name: `widths ${odd} and ${regular}`,
    run: async (bench) => {
      const [odds, regulars] = [layerOf(odd), layerOf(regular)];
      const jobs = await measureJobs(
        bench,
        options,
        (w) => [odds, regulars].flatMap((layer) => convJobs(bench.gpu, w, layer, options)),
      );
      const table = "Pruned widths beside regular ones, 3×3, batch 32";
      const named = (name: string) => jobs.filter((job) => job.name === name);
      return [
        ...DIRECTIONS.flatMap((direction) => {
          const whole = named(`${regulars.name}: ${direction}`);
          return named(`${odds.name}: ${direction}`).map((job) => shareRow(table, job, whole[0], share));
        }),
        ...DIRECTIONS.flatMap((direction) => named(`${regulars.name}: ${direction}`)).map((job) => rowOf(table, job)),
      ];
    },
  };
}

/** 512 filters on 7×7 maps: batch 1 beside batch 32, and that beside the map that is a power of two. */
function sevenCase(options: SuiteOptions): Case {
  const layerOf = (batch: number, side: number) => ({
    name: `${side}×${side}×512, batch ${batch}`,
    shape: conv([batch, 512, side, side], 512),
    directions: ["forward"] as const,
  });
  const layers = [layerOf(1, 7), layerOf(32, 7), layerOf(32, 8)];
  const table = "512 filters 3×3 on small maps";
  return {
    name: "7×7×512",
    run: async (bench) => {
      const jobs = await measureJobs(
        bench,
        { ...options, rounds: Math.min(3, options.rounds) },
        (w) => layers.flatMap((layer) => convJobs(bench.gpu, w, layer, options)),
      );
      return layers.flatMap(({ name, shape }, i) => {
        const job = jobs.find((job) => job.name.startsWith(name));
        if (!job) return [];
        const larger = layers.at(i + 1);
        const whole = larger && jobs.find((job) => job.name.startsWith(larger.name));
        return [whole ? shareRow(table, job, whole, convMacs(shape) / convMacs(larger.shape)) : rowOf(table, job)];
      });
    },
  };
}

interface KernelJob extends Job {
  /** The candidate's name. */
  readonly way: string;
}

function convJobs(
  gpu: Gpu,
  w: Workbench,
  { name, shape, directions }: Omit<Layer, "table">,
  options: SuiteOptions,
): KernelJob[] {
  const { batch, channels, height, width, filters, kernel, groups } = shape;
  const sizes = {
    x: [batch, channels, height, width],
    w: [filters, channels / groups, ...kernel],
    y: [batch, filters, ...convOutput(shape)],
  };
  const [x, weight, y] = [w.tensor(sizes.x), w.tensor(sizes.w), w.tensor(sizes.y)];
  const work: Work = {
    flops: 2 * convMacs(shape),
    bytes: 4 * (elements(sizes.x) + elements(sizes.w) + elements(sizes.y)),
  };
  const operands: Record<Direction, Readonly<Record<string, Slice>>> = {
    forward: { x, w: weight, y },
    dgrad: { dy: y, w: weight, dx: x },
    wgrad: { x, dy: y, y: weight },
  };
  return directions.flatMap((pass) =>
    kernelJob(
      gpu,
      `${name}: ${pass}`,
      { kernel: "conv", pass, shape },
      { operands: operands[pass], work },
      options,
    )
  );
}

/** The way that a run would take, or the one that was asked for; none where the shape hasn't got that. */
function kernelJob(
  gpu: Gpu,
  name: string,
  question: KernelQuestion,
  { operands, work }: { readonly operands: Readonly<Record<string, Slice>>; readonly work: Work },
  { variant }: SuiteOptions,
): KernelJob[] {
  const tuning = tuningFor(gpu);
  const { shapeClass, candidates } = kernelRequest(question, tuning);
  const able = variant === undefined ? candidates : candidates.filter(({ name }) => name === variant);
  if (able.length === 0) return [];
  const { name: way, build } = choose(shapeClass, able, tuning);
  const plan = build();
  const steps = [...plan.prepare ?? [], ...plan.steps];
  return [{ name, way, work, record: () => launch(gpu, plan, operands, name, steps) }];
}

function conv(
  [batch, channels, height, width]: readonly [number, number, number, number],
  filters: number,
  { kernel, stride, groups }: { kernel?: number; stride?: number; groups?: number } = {},
): ConvShape {
  return squareConv({ batch, channels, height, width, filters, kernel, stride, groups });
}

function rowOf(table: string, { name, way, time, work }: Timed<KernelJob>): Row {
  return { table, name, time, work, facts: { way } };
}

/** A row whose time is held against `share` of another's. */
function shareRow(table: string, job: Timed<KernelJob>, whole: Timed<KernelJob>, share: number): Row {
  const ratio = job.time.medianMs / whole.time.medianMs / share;
  return {
    ...rowOf(table, job),
    facts: { way: job.way, "time ÷ MAC share": ratio.toFixed(2) },
    goal: atMost(`≤ ${MAC_SHARE} × its MAC share of "${whole.name}"`, ratio, MAC_SHARE),
  };
}
