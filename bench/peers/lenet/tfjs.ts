/**
 * The training step in TensorFlow.js: fused layers as its layers API calls them, its own loss and momentum optimizer
 * through `minimize`, NHWC as it wants it. Its graph mode can't train, so it runs eagerly, like everybody's tfjs.
 */
import "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
// Registers the gradients: the core's build for Node leaves them out.
import "@tensorflow/tfjs-layers";
import type { HostTensor } from "../../../src/graph/types.ts";
import type { Contestant } from "../../contest.ts";
import { BATCH, CLASSES, LEARNING_RATE, MOMENTUM, type Problem, SIDE } from "../../lenet/problem.ts";

export async function tfjsStep({ model, batches }: Problem, version: string): Promise<Contestant> {
  if (!await tf.setBackend("webgpu")) throw new Error("its WebGPU backend did not start");
  await tf.ready();
  const param = (name: string) => model.params.get(name)!;
  const vector = (name: string) => tf.variable(tf.tensor1d(param(name).data));
  const conv1 = { w: tf.variable(filter(param("conv1.weight"))), b: vector("conv1.bias") };
  const conv2 = { w: tf.variable(filter(param("conv2.weight"))), b: vector("conv2.bias") };
  const fc1 = { w: tf.variable(flattened(param("fc1.weight"), conv2.b.size)), b: vector("fc1.bias") };
  const fc2 = { w: tf.variable(transposed(param("fc2.weight"))), b: vector("fc2.bias") };
  const data = batches.map(({ images, labels }) => ({
    x: tf.tensor4d(images, [BATCH, SIDE, SIDE, 1]),
    labels: tf.oneHot(tf.tensor1d(Int32Array.from(labels), "int32"), CLASSES) as tf.Tensor2D,
  }));

  const logits = (x: tf.Tensor4D): tf.Tensor2D => {
    let y = convolution(x, conv1);
    y = tf.maxPool(y, 2, 2, "valid");
    y = tf.maxPool(convolution(y, conv2), 2, 2, "valid");
    const hidden = tf.fused.matMul({
      a: tf.reshape(y, [BATCH, fc1.w.shape[0]]),
      b: fc1.w,
      bias: fc1.b,
      activation: "relu",
    });
    return tf.fused.matMul({ a: hidden, b: fc2.w, bias: fc2.b }) as tf.Tensor2D;
  };
  const optimizer = tf.train.momentum(LEARNING_RATE, MOMENTUM);
  let step = 0;

  return {
    name: "tfjs-webgpu",
    version,
    async run(steps) {
      let loss: tf.Scalar | null = null;
      for (let i = 0; i < steps; i++) {
        loss?.dispose();
        const { x, labels } = data[step++ % data.length];
        loss = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(labels, logits(x)) as tf.Scalar, true);
      }
      const [value] = await loss!.data();
      loss!.dispose();
      return value;
    },
    dispose: () => tf.disposeVariables(),
  };
}

function convolution(x: tf.Tensor4D, { w, b }: { w: tf.Tensor; b: tf.Tensor }): tf.Tensor4D {
  return tf.fused.conv2d({ x, filter: w as tf.Tensor4D, strides: 1, pad: "valid", bias: b, activation: "relu" });
}

/** [out, in, kh, kw] -> [kh, kw, in, out] */
function filter({ data, shape }: HostTensor): tf.Tensor4D {
  return tf.transpose(tf.tensor4d(data, shape as [number, number, number, number]), [2, 3, 1, 0]);
}

/** [out, in] -> [in, out] */
function transposed({ data, shape }: HostTensor): tf.Tensor2D {
  return tf.transpose(tf.tensor2d(data, shape as [number, number]));
}

/** [out, channels·h·w] -> [h·w·channels, out]: the flattened map is in NHWC order here. */
function flattened({ data, shape: [out, size] }: HostTensor, channels: number): tf.Tensor2D {
  const byPixel = tf.transpose(tf.tensor3d(data, [out, channels, size / channels]), [2, 1, 0]);
  return tf.reshape(byPixel, [size, out]);
}
