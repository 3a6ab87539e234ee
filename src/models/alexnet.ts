import { type Builder, builder, type ConvOptions } from "../graph/build.ts";
import type { Graph } from "../graph/types.ts";
import { averageTo } from "./blocks.ts";
import { type ImageOptions, scaled } from "./options.ts";

/** A convolution, its ReLU, and the overlapping 3×3 max-pooling that may follow. */
export interface AlexNetLayer extends ConvOptions {
  readonly pool?: true;
}

/** "One weird trick" (Krizhevsky 2014), as torchvision has it. */
const ONE_TOWER: readonly AlexNetLayer[] = [
  { name: "features.0", out: 64, kernel: 11, stride: 4, pad: 2, pool: true },
  { name: "features.3", out: 192, kernel: 5, pad: 2, pool: true },
  { name: "features.6", out: 384, kernel: 3, pad: 1 },
  { name: "features.8", out: 256, kernel: 3, pad: 1 },
  { name: "features.10", out: 256, kernel: 3, pad: 1, pool: true },
];

/** Krizhevsky et al. 2012, as Caffe has it: groups of 2 where the paper's two GPUs don't see each other. */
export const CAFFE_ALEXNET: readonly AlexNetLayer[] = [
  { name: "conv1", out: 96, kernel: 11, stride: 4, pad: 0, pool: true },
  { name: "conv2", out: 256, kernel: 5, pad: 2, group: 2, biasInit: { constant: 0.1 }, pool: true },
  { name: "conv3", out: 384, kernel: 3, pad: 1 },
  { name: "conv4", out: 384, kernel: 3, pad: 1, group: 2, biasInit: { constant: 0.1 } },
  { name: "conv5", out: 256, kernel: 3, pad: 1, group: 2, biasInit: { constant: 0.1 }, pool: true },
];

/** AlexNet as torchvision has it: 61,100,840 parameters. Images smaller than 224 give a smaller first linear layer. */
export function alexnet(options: ImageOptions = {}): Graph {
  const { classes = 1000, inChannels = 3, width = 1, size = 224 } = options;
  const b = builder("alexnet", ["N", inChannels, size, size]);
  let x = b.flatten(averageTo(b, features(b, ONE_TOWER, width), 6));
  x = b.relu(b.gemm(b.dropout(x), { name: "classifier.1", out: scaled(4096, width) }));
  x = b.relu(b.gemm(b.dropout(x), { name: "classifier.4", out: scaled(4096, width) }));
  b.gemm(x, { name: "classifier.6", out: classes });
  return b.graph();
}

/**
 * AlexNet as Caffe has it and as pruning papers count it: 227×227 images, grouped convolutions, 60,965,224 parameters,
 * normal weights and biases of 0.1 where the paper has 1. Local response normalisation, which later nets dropped, is left out.
 */
export function caffeAlexnet(options: ImageOptions = {}): Graph {
  const { classes = 1000, inChannels = 3, width = 1, size = 227 } = options;
  const b = builder("alexnet-caffe", ["N", inChannels, size, size]);
  const hidden = (x: string, name: string) =>
    b.dropout(b.relu(
      b.gemm(x, { name, out: scaled(4096, width), init: { normal: 0.005 }, biasInit: { constant: 0.1 } }),
    ));
  const layers = CAFFE_ALEXNET.map((layer) => ({ ...layer, init: { normal: 0.01 } }));
  const x = hidden(hidden(b.flatten(features(b, layers, width)), "fc6"), "fc7");
  b.gemm(x, { name: "fc8", out: classes, init: { normal: 0.01 } });
  return b.graph();
}

function features(b: Builder, layers: readonly AlexNetLayer[], width: number): string {
  let x = b.input;
  for (const { pool, ...layer } of layers) {
    const group = layer.group ?? 1;
    x = b.relu(b.conv(x, { ...layer, out: group * scaled(layer.out / group, width) }), `${layer.name}.relu`);
    if (pool) x = b.maxPool(x, { kernel: 3, stride: 2, name: `${layer.name}.pool` });
  }
  return x;
}
