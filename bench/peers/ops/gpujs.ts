/** gpu.js: plain loops, as its examples write them, one thread for each output; operands and results stay on its device. */
import { GPU, type IKernelFunctionThis, Input } from "gpu.js";
import type { Player } from "../match.ts";
import { type ConvCase, type GemmCase, type OpCase, type Operands, sizesOf } from "./cases.ts";

type Matrix = number[][];
type Maps = number[][][];
type Sizes = IKernelFunctionThis<Record<string, number>>;

/** A result that stayed on the device, or the numbers themselves. */
type Result = { toArray(): Promise<unknown> } | ArrayLike<unknown>;

export async function gpujsOp(mode: "webgpu" | "cpu", op: OpCase, operands: Operands): Promise<Player> {
  if (op.kind === "backward" || op.kind === "backward of weights") {
    throw new Error("it differentiates nothing: gradients would be kernels of the user's own");
  }
  if (mode === "webgpu" && !await GPU.isWebGPUAvailable()) throw new Error("it finds no WebGPU adapter");
  const gpu = new GPU({ mode });
  const compute = op.kind === "gemm" ? await gemm(gpu, op, operands) : await forward(gpu, op, operands);
  const read = async () => {
    const y = await compute();
    return flat("toArray" in y ? await y.toArray() : y);
  };
  return {
    output: read,
    async sample(calls) {
      const start = performance.now();
      for (let i = 1; i < calls; i++) await compute();
      await read();
      return performance.now() - start;
    },
    dispose: () => void gpu.destroy(),
  };
}

async function gemm(gpu: GPU, { m, n, k }: GemmCase, { a, b }: Operands): Promise<() => Promise<Result>> {
  const product = gpu.createKernel(function (this: Sizes, a: Matrix, b: Matrix) {
    let sum = 0;
    for (let i = 0; i < this.constants.k; i++) sum += a[this.thread.y][i] * b[i][this.thread.x];
    return sum;
  }, { constants: { k }, output: [n, m], pipeline: true });
  const transposed = b.map((_, i) => b[i % n * k + Math.floor(i / n)]);
  const [x, w] = [await resident(gpu, a, [k, m]), await resident(gpu, transposed, [n, k])];
  return async () => await (product as unknown as Kernel)(x, w);
}

async function forward(gpu: GPU, op: ConvCase, { a, b }: Operands): Promise<() => Promise<Result>> {
  const { x: [batch, channels, height, width], y: [, filters, outHeight, outWidth] } = sizesOf(op.shape);
  const { kernel: [kernel], stride: [stride], pads: [pad] } = op.shape;
  const convolve = gpu.createKernel(function (this: Sizes, x: Maps, w: Maps) {
    const n = Math.floor(this.thread.z / this.constants.filters);
    const f = this.thread.z - n * this.constants.filters;
    let sum = 0;
    for (let c = 0; c < this.constants.channels; c++) {
      for (let p = 0; p < this.constants.kernel; p++) {
        for (let q = 0; q < this.constants.kernel; q++) {
          sum += x[n * this.constants.channels + c][this.thread.y * this.constants.stride + p][
            this.thread.x * this.constants.stride + q
          ] * w[f * this.constants.channels + c][p][q];
        }
      }
    }
    return sum;
  }, {
    constants: { channels, filters, kernel, stride },
    output: [outWidth, outHeight, batch * filters],
    pipeline: true,
  });
  const [high, wide] = [height + 2 * pad, width + 2 * pad];
  const padded = new Float32Array(batch * channels * high * wide);
  for (let i = 0; i < batch * channels * height; i++) {
    const row = Math.floor(i / height) * high + i % height + pad;
    padded.set(a.subarray(i * width, (i + 1) * width), row * wide + pad);
  }
  const x = await resident(gpu, padded, [wide, high, batch * channels]);
  const w = await resident(gpu, b, [kernel, kernel, filters * channels]);
  return async () => await (convolve as unknown as Kernel)(x, w);
}

type Kernel = (...operands: unknown[]) => Promise<Result>;

/** The array where its kernels read it without another copy. `sizes` are its own, innermost first. */
async function resident(gpu: GPU, data: Float32Array, sizes: readonly number[]): Promise<unknown> {
  const copy = sizes.length === 2
    ? gpu.createKernel(function (this: Sizes, a: Matrix) {
      return a[this.thread.y][this.thread.x];
    }, { output: [...sizes], pipeline: true })
    : gpu.createKernel(function (this: Sizes, a: Maps) {
      return a[this.thread.z][this.thread.y][this.thread.x];
    }, { output: [...sizes], pipeline: true });
  return await (copy as unknown as Kernel)(
    new Input(data as unknown as number[], [...sizes] as [number, number, number]),
  );
}

/** Rows of rows, as it returns them, one after the other. */
function flat(nested: unknown): Float32Array {
  const rows = nested as ArrayLike<unknown>;
  if (typeof rows[0] === "number") return rows as Float32Array;
  const parts = Array.from(rows, flat);
  const all = new Float32Array(parts.reduce((size, part) => size + part.length, 0));
  parts.reduce((at, part) => {
    all.set(part, at);
    return at + part.length;
  }, 0);
  return all;
}
