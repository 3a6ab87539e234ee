/**
 * Suite "kernels": throughput of our own matrix products and convolutions, in multiply-adds that the layer asks for (two
 * operations each), whatever the kernel does inside. What a call does around its main kernel (packing, padding, reducing)
 * counts as its time.
 */
import { convMacs, convOutput, type ConvShape } from "../../kernels/conv/shape.ts";
import { planConvDgrad } from "../../kernels/conv/dgrad.ts";
import { planConvForward } from "../../kernels/conv/forward.ts";
import { planConvWgrad } from "../../kernels/conv/wgrad.ts";
import { planGemm } from "../../kernels/gemm/plan.ts";
import { random } from "../../kernels/random/philox.ts";
import config from "../../deno.json" with { type: "json" };
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { formatTable } from "../../src/cli/table.ts";
import { milliseconds } from "../../src/report/format.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { type Contestant, measureInterleaved } from "../../src/measure/interleaved.ts";
import { launch } from "../../src/tensor/ops/launch.ts";
import { elements, Tensor } from "../../src/tensor/tensor.ts";
import { readOptions } from "../options.ts";
import { describeSetting, printSetting, writeRecord } from "../record.ts";

interface Job extends Contestant {
  readonly macs: number;
}

const { rounds, seed } = readOptions({ rounds: 7, steps: 1, seed: 1 });
prepareEnvironment();
const gpu = await Gpu.open();
const gaussian = random(seed, "bench/kernels");

const conv = (
  name: string,
  [batch, channels, height, width]: [number, number, number, number],
  filters: number,
  kernel: number,
  pad: number,
  stride = 1,
): Job[] =>
  convolution(name, {
    batch,
    channels,
    height,
    width,
    filters,
    kernel: [kernel, kernel],
    stride: [stride, stride],
    pads: [pad, pad, pad, pad],
    dilation: [1, 1],
    groups: 1,
  });
const jobs: Job[] = [
  product("GEMM 512×512×512", 512, 512, 512),
  product("LeNet-5 fc1, batch 64", 64, 500, 800),
  ...conv("LeNet-5 conv1, batch 64", [64, 1, 28, 28], 20, 5, 0),
  ...conv("LeNet-5 conv2, batch 64", [64, 20, 12, 12], 50, 5, 0),
  ...conv("ResNet-20 stem, batch 32", [32, 3, 32, 32], 16, 3, 1),
  ...conv("ResNet-20 stage 1, batch 32", [32, 16, 32, 32], 16, 3, 1),
  ...conv("ResNet-20 stage 2, batch 32", [32, 32, 16, 16], 32, 3, 1),
  ...conv("ResNet-20 stage 2, stride 2", [32, 16, 32, 32], 32, 3, 1, 2),
  ...conv("ResNet-20 stage 3, batch 32", [32, 64, 8, 8], 64, 3, 1),
];

const measured = await measureInterleaved(gpu, jobs, { seconds: 0, minSamples: rounds, maxSamples: rounds });
const setting = await describeSetting("kernels", gpu, {
  versions: { secateur: config.version },
  seed,
  clock: measured[0].clock,
  quantumMs: measured[0].quantumMs,
});
const results = measured.map((m, i) => ({ ...m, macs: jobs[i].macs, gflops: 2 * jobs[i].macs / m.medianMs / 1e6 }));
console.log("Throughput of our kernels\n");
printSetting(setting);
console.log(formatTable([
  ["", "GFLOP/s", "ms", "MAD", "samples"],
  ...results.map(({ name, gflops, medianMs, madMs, samples }) => [
    name,
    gflops.toFixed(1),
    milliseconds(medianMs),
    milliseconds(madMs),
    String(samples),
  ]),
], { header: true, left: 1 }));
console.log(`Medians by ${setting.clock}, whose grain is ${setting.quantumMs} ms; samples are several calls long.`);
console.log(`\nWritten to ${writeRecord(setting, results)}`);
gpu.close();

function convolution(name: string, shape: ConvShape): Job[] {
  const { batch, channels, height, width, filters, kernel } = shape;
  const x = tensor([batch, channels, height, width]);
  const w = tensor([filters, channels, ...kernel]);
  const y = tensor([batch, filters, ...convOutput(shape)]);
  const macs = convMacs(shape);
  const forward = planConvForward(shape);
  const job = (direction: string, record: () => void): Job => ({ name: `${name}: ${direction}`, macs, record });
  const jobs = [
    job("forward", () => launch(gpu, forward, { x, w, y }, name, [...forward.prepare, ...forward.steps])),
    job("weight gradient", () => launch(gpu, planConvWgrad(shape), { x, dy: y, y: w }, name)),
  ];
  // Nobody needs the gradient of the images.
  if (channels > 3) jobs.push(job("data gradient", () => launch(gpu, planConvDgrad(shape), { dy: y, w, dx: x }, name)));
  return jobs;
}

/** y[m,n] = a[m,k] · b[n,k]ᵀ, as a linear layer's forward pass. */
function product(name: string, m: number, n: number, k: number): Job {
  const [a, b, y] = [tensor([m, k]), tensor([n, k]), tensor([m, n])];
  const plan = planGemm({ m, n, k, a: "k", b: "k" });
  return { name, macs: m * n * k, record: () => launch(gpu, plan, { a, b, y }, name) };
}

/** Small random values; zeros could be cheaper to multiply. */
function tensor(shape: readonly number[]): Tensor {
  return Tensor.from(gpu, gaussian.fillNormal(new Float32Array(elements(shape)), 0, 0, 0.01), shape);
}
