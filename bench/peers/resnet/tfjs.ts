/**
 * The training step of ResNet-20 in TensorFlow.js, NHWC: batch norms as its layers API computes them in training (moments,
 * fused normalisation, moving statistics), its own loss and momentum optimizer through `minimize`.
 */
import "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
// Registers the gradients: the core's build for Node leaves them out.
import "@tensorflow/tfjs-layers";
import type { HostTensor } from "../../../src/graph/types.ts";
import type { Contestant } from "../../contest.ts";
import {
  BATCH,
  BN_MOMENTUM,
  CHANNELS,
  CLASSES,
  EPSILON,
  LEARNING_RATE,
  MOMENTUM,
  type Problem,
  SIDE,
} from "../../resnet/problem.ts";
import { shortcut } from "../inference/tfjs.ts";

const STAGES = [1, 2, 3];
const BLOCKS_PER_STAGE = 3;

export async function tfjsStep({ model, batches }: Problem, version: string): Promise<Contestant> {
  if (!await tf.setBackend("webgpu")) throw new Error("its WebGPU backend did not start");
  await tf.ready();
  const variables = new Map(
    Array.from(model.params, ([name, tensor]) => [name, tf.variable(laidOut(tensor), !name.includes(".running_"))]),
  );
  const trained = [...variables.values()].filter(({ trainable }) => trainable);
  const data = batches.map(({ images, labels }) => ({
    x: tf.tidy(() => tf.transpose(tf.tensor4d(images, [BATCH, CHANNELS, SIDE, SIDE]), [0, 2, 3, 1])),
    labels: tf.oneHot(tf.tensor1d(Int32Array.from(labels), "int32"), CLASSES) as tf.Tensor2D,
  }));

  const norm = (x: tf.Tensor4D, name: string): tf.Tensor4D => {
    const variable = (key: string) => variables.get(`${name}.${key}`)!;
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    const samples = x.size / x.shape[3];
    follow(variable("running_mean"), mean, 1);
    follow(variable("running_var"), variance, samples / (samples - 1));
    const [gamma, beta] = [variable("weight"), variable("bias")] as tf.Variable<tf.Rank.R1>[];
    return tf.batchNorm4d(x, mean as tf.Tensor1D, variance as tf.Tensor1D, beta, gamma, EPSILON);
  };
  const convNorm = (x: tf.Tensor4D, conv: string, bn: string, stride: number): tf.Tensor4D =>
    norm(tf.conv2d(x, variables.get(`${conv}.weight`) as tf.Variable<tf.Rank.R4>, stride, 1), bn);
  const block = (x: tf.Tensor4D, name: string, stride: number): tf.Tensor4D => {
    let y = tf.relu(convNorm(x, `${name}.conv1`, `${name}.bn1`, stride));
    y = convNorm(y, `${name}.conv2`, `${name}.bn2`, 1);
    return tf.relu(tf.add(y, shortcut(x, y.shape[3])));
  };
  const logits = (x: tf.Tensor4D): tf.Tensor2D => {
    let y: tf.Tensor4D = tf.relu(convNorm(x, "conv1", "bn1", 1));
    for (const stage of STAGES) {
      for (let i = 0; i < BLOCKS_PER_STAGE; i++) y = block(y, `layer${stage}.${i}`, stage > 1 && i === 0 ? 2 : 1);
    }
    const pooled = tf.mean(y, [1, 2]) as tf.Tensor2D;
    const [b, bias] = [variables.get("linear.weight")!, variables.get("linear.bias")!];
    return tf.fused.matMul({ a: pooled, b, bias, transposeB: true }) as tf.Tensor2D;
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
        const compute = () => tf.losses.softmaxCrossEntropy(labels, logits(x)) as tf.Scalar;
        loss = optimizer.minimize(compute, true, trained);
      }
      const [value] = await loss!.data();
      loss!.dispose();
      return value;
    },
    dispose: () => tf.disposeVariables(),
  };
}

/** running ← momentum·running + (1 − momentum)·correction·batch, outside what is differentiated. */
function follow(running: tf.Variable, batch: tf.Tensor, correction: number): void {
  tf.tidy(() => running.assign(tf.add(tf.mul(running, BN_MOMENTUM), tf.mul(batch, (1 - BN_MOMENTUM) * correction))));
}

/** [out, in, kh, kw] -> [kh, kw, in, out]; everything else as it is. */
function laidOut({ data, shape }: HostTensor): tf.Tensor {
  const tensor = tf.tensor(data, [...shape]);
  return shape.length === 4 ? tf.transpose(tensor, [2, 3, 1, 0]) : tensor;
}
