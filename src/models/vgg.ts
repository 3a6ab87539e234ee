import { type Builder, builder } from "../graph/build.ts";
import type { Graph } from "../graph/types.ts";
import { averageTo } from "./blocks.ts";
import { type ImageOptions, scaled } from "./options.ts";

type Layers = readonly (number | "M")[];

/** Output channels of the 3×3 convolutions, and max-poolings: configurations A, D and E of the paper's table 1. */
const LAYERS: Readonly<Record<11 | 16 | 19, Layers>> = {
  11: [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
  16: [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"],
  19: [64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512, 512, 512, 512, "M"],
};

/**
 * VGG-11, 16 and 19 with batch norm (Simonyan and Zisserman 2015) for ImageNet. Parameter names, counts (132,868,840,
 * 138,365,992 and 143,678,248) and initialisation are torchvision's. Images smaller than 224 give a smaller first linear layer.
 */
export function vgg(depth: 11 | 16 | 19, options: ImageOptions = {}): Graph {
  const { classes = 1000, inChannels = 3, width = 1, size = 224 } = options;
  const b = builder(`vgg${depth}-bn`, ["N", inChannels, size, size]);
  let x = b.flatten(averageTo(b, features(b, LAYERS[depth], { width, bias: true }), 7));
  const linear = (name: string, out: number) => b.gemm(x, { name, out, init: { normal: 0.01 } });
  x = b.dropout(b.relu(linear("classifier.0", scaled(4096, width))), 0.5, "classifier.2");
  x = b.dropout(b.relu(linear("classifier.3", scaled(4096, width))), 0.5, "classifier.5");
  linear("classifier.6", classes);
  return b.graph();
}

/**
 * The same for CIFAR: one linear layer on 512 features. Convolutions have no bias, which the batch norm after them would
 * cancel; kuangliu/pytorch-cifar, whose names these are, counts 4,224 more in VGG-16 for that.
 */
export function cifarVgg(depth: 11 | 16 | 19, options: ImageOptions = {}): Graph {
  const { classes = 10, inChannels = 3, width = 1, size = 32 } = options;
  const b = builder(`vgg${depth}-bn-cifar`, ["N", inChannels, size, size]);
  b.gemm(b.flatten(features(b, LAYERS[depth], { width, bias: false })), { name: "classifier", out: classes });
  return b.graph();
}

/** Convolution, batch norm and ReLU for each width, in `features` under their PyTorch indices. */
function features(b: Builder, layers: Layers, { width, bias }: { width: number; bias: boolean }): string {
  let x = b.input;
  let index = 0;
  for (const layer of layers) {
    if (layer === "M") {
      x = b.maxPool(x, { kernel: 2, name: `features.${index++}` });
    } else {
      x = b.conv(x, { name: `features.${index++}`, out: scaled(layer, width), kernel: 3, pad: 1, bias });
      x = b.batchNorm(x, { name: `features.${index++}` });
      x = b.relu(x, `features.${index++}`);
    }
  }
  return x;
}
