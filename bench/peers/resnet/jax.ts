/** The training step of ResNet-20 in jax-js: `valueAndGrad` and the update inside one `jit`, moving statistics as its second result. */
import { defaultDevice, init, jit, lax, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
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

// A type alias because jax-js maps over trees of known keys only with one.
type Tensors = { [name: string]: np.Array };

const STAGES = [1, 2, 3];
const BLOCKS_PER_STAGE = 3;
/** Of an [N,C,H,W] map: all but the channels. */
const PER_CHANNEL = [0, 2, 3];

export async function jaxStep({ model, batches }: Problem, version: string): Promise<Contestant> {
  const devices = await init("webgpu");
  if (!devices.includes("webgpu")) throw new Error("its WebGPU backend did not start");
  defaultDevice("webgpu");
  let weights: Tensors = {};
  let running: Tensors = {};
  for (const [name, tensor] of model.params) {
    (name.includes(".running_") ? running : weights)[name] = upload(tensor, name);
  }
  let momentum = tree.map((w: np.Array) => np.zeros(w.shape), weights) as Tensors;
  const data = batches.map(({ images, labels }) => ({
    x: np.array(images).reshape([BATCH, CHANNELS, SIDE, SIDE]),
    labels: np.array(Int32Array.from(labels)),
  }));
  const train = jit((weights: Tensors, momentum: Tensors, running: Tensors, x: np.Array, labels: np.Array) => {
    const [[loss, followed], gradients] = valueAndGrad(crossEntropy, { hasAux: true })(
      tree.ref(weights),
      running,
      x,
      labels,
    );
    const moved: Tensors = {};
    const next: Tensors = {};
    for (const name of Object.keys(weights)) {
      moved[name] = momentum[name].mul(MOMENTUM).add((gradients as Tensors)[name]);
      next[name] = weights[name].sub(moved[name].ref.mul(LEARNING_RATE));
    }
    return [next, moved, followed, loss] as [Tensors, Tensors, Tensors, np.Array];
  });
  let step = 0;

  return {
    name: "jax-js",
    version,
    async run(steps) {
      let loss: np.Array | undefined;
      for (let i = 0; i < steps; i++) {
        loss?.dispose();
        const { x, labels } = data[step++ % data.length];
        [weights, momentum, running, loss] = train(weights, momentum, running, x.ref, labels.ref);
      }
      return (await loss!.data())[0];
    },
    dispose() {
      train.dispose();
      tree.dispose([weights, momentum, running]);
      for (const { x, labels } of data) tree.dispose([x, labels]);
    },
  };
}

function crossEntropy(weights: Tensors, running: Tensors, x: np.Array, labels: np.Array): [np.Array, Tensors] {
  const followed: Tensors = {};

  const norm = (x: np.Array, name: string): np.Array => {
    const samples = x.size / x.shape[1];
    const mean = np.mean(x.ref, PER_CHANNEL, { keepdims: true });
    const centred = x.sub(mean.ref);
    const variance = np.mean(np.square(centred.ref), PER_CHANNEL, { keepdims: true });
    const follow = (key: string, batch: np.Array) => {
      const before = running[`${name}.${key}`].mul(BN_MOMENTUM);
      followed[`${name}.${key}`] = before.add(lax.stopGradient(batch).mul(1 - BN_MOMENTUM));
    };
    follow("running_mean", mean);
    follow("running_var", variance.ref.mul(samples / (samples - 1)));
    const scale = weights[`${name}.weight`].div(np.sqrt(variance.add(EPSILON)));
    return centred.mul(scale).add(weights[`${name}.bias`]);
  };
  const convNorm = (x: np.Array, conv: string, bn: string, stride: number): np.Array =>
    norm(lax.convGeneralDilated(x, weights[`${conv}.weight`], [stride, stride], [[1, 1], [1, 1]]), bn);
  const block = (x: np.Array, name: string, stride: number): np.Array => {
    let y = nn.relu(convNorm(x.ref, `${name}.conv1`, `${name}.bn1`, stride));
    y = convNorm(y, `${name}.conv2`, `${name}.bn2`, 1);
    const channels = y.shape[1];
    return nn.relu(y.add(shortcut(x, channels)));
  };

  let y = nn.relu(convNorm(x, "conv1", "bn1", 1));
  for (const stage of STAGES) {
    for (let i = 0; i < BLOCKS_PER_STAGE; i++) y = block(y, `layer${stage}.${i}`, stage > 1 && i === 0 ? 2 : 1);
  }
  const logits = np.dot(np.mean(y, [2, 3]), weights["linear.weight"]).add(weights["linear.bias"]);
  const loss = nn.logSoftmax(logits).mul(nn.oneHot(labels, CLASSES)).sum().mul(-1 / BATCH);
  return [loss, followed];
}

/** Option A: every second pixel, and zero channels half before and half after. */
function shortcut(x: np.Array, channels: number): np.Array {
  const [batch, given, height, width] = x.shape;
  if (given === channels) return x;
  const pixels = x.reshape([batch, given, height / 2, 2, width / 2, 2]).slice([], [], [], 0, [], 0);
  const more = (channels - given) / 2;
  return np.pad(pixels, [[0, 0], [more, more], [0, 0], [0, 0]]);
}

/** Matrices as [in, out]; what batch norms have per channel as [1, C, 1, 1]. */
function upload({ data, shape }: HostTensor, name: string): np.Array {
  const array = np.array(data).reshape([...shape]);
  if (shape.length === 2) return array.transpose();
  return shape.length === 1 && name.includes("bn") ? array.reshape([1, shape[0], 1, 1]) : array;
}
