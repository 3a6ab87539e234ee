/** The forward pass in TensorFlow.js: NHWC, bias and ReLU inside its fused convolutions, as its converter leaves a model. */
import "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import type { Forward } from "./contestant.ts";
import { CHANNELS, type InferenceProblem, SIDE } from "./problem.ts";

const BLOCKS_PER_STAGE = 3;
const STAGES = [1, 2, 3];

export async function tfjsForward({ model, batch, images }: InferenceProblem): Promise<Forward> {
  if (!await tf.setBackend("webgpu")) throw new Error("its WebGPU backend did not start");
  await tf.ready();
  const weights = new Map(
    Array.from(model.params, ([name, { shape, data }]) => {
      const tensor = tf.tensor(data, [...shape]);
      return [name, shape.length === 4 ? tf.transpose(tensor, [2, 3, 1, 0]) : tensor];
    }),
  );
  const conv = (x: tf.Tensor4D, name: string, activation?: "relu"): tf.Tensor4D => {
    const filter = weights.get(`${name}.weight`) as tf.Tensor4D;
    const strides = filter.shape[3] > filter.shape[2] && filter.shape[2] !== CHANNELS ? 2 : 1;
    return tf.fused.conv2d({ x, filter, strides, pad: 1, bias: weights.get(`${name}.bias`)!, activation });
  };
  const block = (x: tf.Tensor4D, name: string): tf.Tensor4D => {
    const y = conv(conv(x, `${name}.conv1`, "relu"), `${name}.conv2`);
    return tf.relu(tf.add(y, shortcut(x, y.shape[3])));
  };
  const forward = (x: tf.Tensor4D): tf.Tensor2D => {
    let y = conv(x, "conv1", "relu");
    for (const stage of STAGES) {
      for (let i = 0; i < BLOCKS_PER_STAGE; i++) y = block(y, `layer${stage}.${i}`);
    }
    const pooled = tf.mean(y, [1, 2]) as tf.Tensor2D;
    return tf.fused.matMul({
      a: pooled,
      b: weights.get("linear.weight")!,
      bias: weights.get("linear.bias"),
      transposeB: true,
    }) as tf.Tensor2D;
  };

  const x = tf.transpose(tf.tensor4d(images, [batch, CHANNELS, SIDE, SIDE]), [0, 2, 3, 1]);
  return {
    async run(calls) {
      for (let i = 1; i < calls; i++) tf.dispose(tf.tidy(() => forward(x)));
      const y = tf.tidy(() => forward(x));
      const logits = await y.data<"float32">();
      y.dispose();
      return logits;
    },
  };
}

/**
 * Option A: every second pixel, and zero channels half before and half after. Pooling over single pixels takes them: a
 * strided slice has no gradient here.
 */
export function shortcut(x: tf.Tensor4D, channels: number): tf.Tensor4D {
  const given = x.shape[3];
  if (given === channels) return x;
  const pixels = tf.avgPool(x, 1, 2, "valid");
  const more = (channels - given) / 2;
  return tf.pad(pixels, [[0, 0], [0, 0], [0, 0], [more, more]]);
}
