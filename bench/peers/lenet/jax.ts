/** The training step in jax-js: `valueAndGrad` and the update inside one `jit`, layers as in its own MNIST example. */
import { defaultDevice, init, jit, lax, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import type { HostTensor } from "../../../src/graph/types.ts";
import type { Contestant } from "../../contest.ts";
import { BATCH, CLASSES, LEARNING_RATE, MOMENTUM, type Problem, SIDE } from "../../lenet/problem.ts";

// A type alias because jax-js maps over trees of known keys only with one.
type Weights = { [name: string]: np.Array };

export async function jaxStep({ model, batches }: Problem, version: string): Promise<Contestant> {
  const devices = await init("webgpu");
  if (!devices.includes("webgpu")) throw new Error("its WebGPU backend did not start");
  defaultDevice("webgpu");
  let weights: Weights = {};
  for (const [name, tensor] of model.params) weights[name] = upload(name, tensor);
  let momentum = tree.map((w: np.Array) => np.zeros(w.shape), weights) as Weights;
  const data = batches.map(({ images, labels }) => ({
    x: np.array(images).reshape([BATCH, 1, SIDE, SIDE]),
    labels: np.array(Int32Array.from(labels)),
  }));
  const train = jit((weights: Weights, momentum: Weights, x: np.Array, labels: np.Array) => {
    const [loss, gradients] = valueAndGrad(crossEntropy)(tree.ref(weights), x, labels);
    const moved: Weights = {};
    const next: Weights = {};
    for (const name of Object.keys(weights)) {
      moved[name] = momentum[name].mul(MOMENTUM).add((gradients as Weights)[name]);
      next[name] = weights[name].sub(moved[name].ref.mul(LEARNING_RATE));
    }
    return [next, moved, loss] as [Weights, Weights, np.Array];
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
        [weights, momentum, loss] = train(weights, momentum, x.ref, labels.ref);
      }
      return (await loss!.data())[0];
    },
    dispose() {
      train.dispose();
      tree.dispose([weights, momentum]);
      for (const { x, labels } of data) tree.dispose([x, labels]);
    },
  };
}

function crossEntropy(weights: Weights, x: np.Array, labels: np.Array): np.Array {
  return nn.logSoftmax(logits(weights, x)).mul(nn.oneHot(labels, CLASSES)).sum().mul(-1 / BATCH);
}

function logits(weights: Weights, x: np.Array): np.Array {
  let y = convolution(x, weights["conv1.weight"], weights["conv1.bias"]);
  y = convolution(y, weights["conv2.weight"], weights["conv2.bias"]);
  y = nn.relu(np.dot(y.reshape([BATCH, -1]), weights["fc1.weight"]).add(weights["fc1.bias"]));
  return np.dot(y, weights["fc2.weight"]).add(weights["fc2.bias"]);
}

function convolution(x: np.Array, weight: np.Array, bias: np.Array): np.Array {
  const y = nn.relu(lax.conv(x, weight, [1, 1], "VALID").add(bias));
  return lax.reduceWindow(y, np.max, [2, 2], [2, 2]);
}

/** Matrices as [in, out], biases of convolutions as [C, 1, 1]. */
function upload(name: string, { data, shape }: HostTensor): np.Array {
  const array = np.array(data).reshape([...shape]);
  if (shape.length === 2) return array.transpose();
  return shape.length === 1 && name.startsWith("conv") ? array.reshape([shape[0], 1, 1]) : array;
}
