/** TensorFlow.js: NHWC, laid out beforehand; gradients by the kernels that its own differentiation calls, without the forward pass. */
import "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import type { Player } from "../match.ts";
import { type ConvCase, type OpCase, type Operands, sizesOf } from "./cases.ts";

/** [N,C,H,W] -> [N,H,W,C] and back, [F,C,KH,KW] -> [KH,KW,C,F] and back. */
const [TO_NHWC, TO_NCHW, TO_HWIO, TO_OIHW] = [[0, 2, 3, 1], [0, 3, 1, 2], [2, 3, 1, 0], [3, 2, 0, 1]];

export async function tfjsOp(op: OpCase, operands: Operands): Promise<Player> {
  if (!await tf.setBackend("webgpu")) throw new Error("its WebGPU backend did not start");
  await tf.ready();
  const { inputs, compute } = prepare(op, operands);
  return {
    async output() {
      const parts = tf.tidy(() => compute().map((y) => y.rank === 2 ? y : inOurs(y, op as ConvCase)));
      const data = await Promise.all(parts.map((part) => part.data<"float32">()));
      tf.dispose(parts);
      return Float32Array.from(data.flatMap((part) => [...part]));
    },
    async sample(calls) {
      const start = performance.now();
      for (let i = 1; i < calls; i++) tf.dispose(tf.tidy(compute));
      const one = tf.tidy(() => {
        const y = compute().at(-1)!;
        return tf.slice(y, y.shape.map(() => 0), y.shape.map(() => 1));
      });
      await one.data();
      one.dispose();
      return performance.now() - start;
    },
    dispose: () => tf.dispose(inputs),
  };
}

interface Job {
  readonly inputs: tf.Tensor[];
  readonly compute: () => tf.Tensor[];
}

function prepare(op: OpCase, { a, b, dy: seed }: Operands): Job {
  if (op.kind === "gemm") {
    const [x, w] = [tf.tensor2d(a, [op.m, op.k]), tf.tidy(() => tf.transpose(tf.tensor2d(b, [op.n, op.k])))];
    return { inputs: [x, w], compute: () => [tf.matMul(x, w)] };
  }
  const sizes = sizesOf(op.shape);
  const { stride: [strides], pads: [pad] } = op.shape;
  const laidOut = (data: Float32Array, size: [number, number, number, number], order: number[]): tf.Tensor4D =>
    tf.tidy(() => tf.transpose(tf.tensor4d(data, size), order));
  const [x, filter] = [laidOut(a, sizes.x, TO_NHWC), laidOut(b, sizes.w, TO_HWIO)];
  if (op.kind === "forward") return { inputs: [x, filter], compute: () => [tf.conv2d(x, filter, strides, pad)] };
  const dy = laidOut(seed, sizes.y, TO_NHWC);
  const attrs = { strides, pad, dataFormat: "NHWC" };
  const data = (): tf.Tensor =>
    tf.engine().runKernel(tf.Conv2DBackpropInput, { dy, filter }, { ...attrs, inputShape: x.shape });
  const weights = (): tf.Tensor =>
    tf.engine().runKernel(tf.Conv2DBackpropFilter, { x, dy }, { ...attrs, filterShape: filter.shape });
  return {
    inputs: [x, filter, dy],
    compute: op.kind === "backward" ? () => [data(), weights()] : () => [weights()],
  };
}

/** A map or a gradient of weights in our layout. */
function inOurs(y: tf.Tensor, { shape: { kernel: [height, width], filters, channels } }: ConvCase): tf.Tensor {
  const weights = y.shape.join() === [height, width, channels, filters].join();
  return tf.transpose(y, weights ? TO_OIHW : TO_NCHW);
}
