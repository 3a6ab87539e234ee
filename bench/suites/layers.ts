/** Layers that multiply little, held against the memory's roof; and attention, which multiplies much. */
import { attention } from "../../src/tensor/ops/attention.ts";
import { groupNorm, layerNorm } from "../../src/tensor/ops/group_norm.ts";
import { batchNorm } from "../../src/tensor/ops/norm.ts";
import { add, gelu, relu } from "../../src/tensor/ops/pointwise.ts";
import { softmax } from "../../src/tensor/ops/softmax.ts";
import { averagePool, globalAveragePool, maxPool } from "../../src/tensor/ops/pool.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { elements, type Tensor } from "../../src/tensor/tensor.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { type Case, type Job, measureJobs, type SuiteOptions } from "../suite.ts";
import type { Workbench } from "../workbench.ts";

interface Layer {
  readonly name: string;
  readonly x: readonly number[];
  /** Tensors beside x, all of them per channel or per row. */
  readonly parameters: readonly (readonly number[])[];
  /** Tensors of x's size that must be read and written, forward and (0: not measured) backward. */
  readonly traffic: readonly [number, number];
  /** Forward; a backward pass multiplies 2.5 times as much. Default: none worth counting. */
  readonly flops?: number;
  apply(tape: Tape, x: Tensor, parameters: readonly Tensor[]): Tensor;
}

const X = [32, 64, 32, 32] as const;
/** DeiT-T: eight images of 197 tokens with 192 numbers each, in three heads. */
const TOKENS = [8 * 197, 192] as const, HEADS = [24, 197, 64] as const;
const POOLED = [[2, 2], [2, 2]] as const;

const LAYERS: readonly Layer[] = [
  {
    name: "max pooling 2×2",
    x: X,
    parameters: [],
    traffic: [1.25, 2.25],
    apply: (tape, x) => maxPool(tape, x, { kernel: POOLED[0], strides: POOLED[1] }),
  },
  {
    name: "average pooling 2×2",
    x: X,
    parameters: [],
    traffic: [1.25, 1.25],
    apply: (tape, x) => averagePool(tape, x, { kernel: POOLED[0], strides: POOLED[1] }),
  },
  {
    name: "global average pooling",
    x: X,
    parameters: [],
    traffic: [1, 1],
    apply: (tape, x) => globalAveragePool(tape, x),
  },
  {
    name: "batch norm",
    x: X,
    parameters: [[64], [64], [64], [64]],
    traffic: [2, 3],
    apply: (tape, x, [gamma, beta, mean, variance]) => batchNorm(tape, x, { gamma, beta, mean, variance }),
  },
  {
    name: "layer norm",
    x: TOKENS,
    parameters: [[192], [192]],
    traffic: [2, 3],
    apply: (tape, x, [gamma, beta]) => layerNorm(tape, x, { gamma, beta }, 1e-5),
  },
  {
    name: "group norm in 8",
    x: X,
    parameters: [[64], [64]],
    traffic: [2, 3],
    apply: (tape, x, [gamma, beta]) => groupNorm(tape, x, { gamma, beta }, 8, 1e-5),
  },
  { name: "softmax", x: TOKENS, parameters: [], traffic: [2, 3], apply: (tape, x) => softmax(tape, x) },
  {
    name: "attention",
    x: HEADS,
    parameters: [HEADS, HEADS],
    traffic: [4, 7],
    flops: 4 * 24 * 197 * 197 * 64,
    apply: (tape, q, [k, v]) => attention(tape, q, k, v),
  },
  { name: "ReLU", x: X, parameters: [], traffic: [2, 3], apply: (tape, x) => relu(tape, x) },
  { name: "GELU", x: X, parameters: [], traffic: [2, 3], apply: (tape, x) => gelu(tape, x) },
  { name: "sum of two", x: X, parameters: [X], traffic: [3, 0], apply: (tape, x, [other]) => add(tape, x, other) },
];

/** Forward alone, and forward with backward, of each. */
export function layerCases(options: SuiteOptions): Case[] {
  return LAYERS.map((layer) => ({
    name: layer.name,
    run: async (bench) => {
      const jobs = await measureJobs(bench, options, (w) => layerJobs(bench.gpu, w, layer));
      return jobs.map(({ name, time, work }) => ({
        table: layer.flops ? "Attention" : "Layers that move memory",
        name,
        time,
        work,
        facts: {},
      }));
    },
  }));
}

function layerJobs(gpu: Gpu, w: Workbench, { name, x: shape, parameters, traffic, flops = 0, apply }: Layer): Job[] {
  const x = w.tensor(shape);
  const rest = parameters.map((p) => w.tensor(p));
  using dry = new Tape(gpu, "eval");
  const [gradient, dy] = [w.tensor(shape), w.tensor(apply(dry, x, rest).shape)];
  const job = (direction: string, passes: number, multiplied: number, record: () => void): Job => ({
    name: `${name}: ${direction}`,
    work: { flops: multiplied * flops, bytes: 4 * elements(shape) * passes },
    record,
  });
  const [forward, backward] = traffic;
  const jobs = [
    job("forward", forward, 1, () => {
      using tape = new Tape(gpu, "train");
      apply(tape, x, rest);
    }),
  ];
  if (backward > 0) {
    jobs.push(job("forward and backward", forward + backward, 3.5, () => {
      using tape = new Tape(gpu, "train");
      tape.watch(x, gradient);
      tape.backward(apply(tape, x, rest), dy);
    }));
  }
  return jobs;
}
