import { builder } from "../graph/build.ts";
import type { Graph } from "../graph/types.ts";
import { type ImageOptions, scaled } from "./options.ts";

const VGG16 = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"] as const;

/**
 * VGG-16 with batch norm and a CIFAR head (one linear layer on 512 features). Convolutions have no bias, which the
 * batch norm after them would cancel. The layers stand in `features` under their PyTorch indices.
 */
export function vgg16(options: ImageOptions = {}): Graph {
  const { classes = 10, inChannels = 3, width = 1, size = 32 } = options;
  const b = builder("vgg16-bn", ["N", inChannels, size, size]);
  let x = b.input;
  let index = 0;
  for (const layer of VGG16) {
    if (layer === "M") {
      x = b.maxPool(x, { kernel: 2, name: `features.${index++}` });
    } else {
      x = b.conv(x, { name: `features.${index++}`, out: scaled(layer, width), kernel: 3, pad: 1, bias: false });
      x = b.batchNorm(x, { name: `features.${index++}` });
      x = b.relu(x, `features.${index++}`);
    }
  }
  b.gemm(b.flatten(x), { name: "classifier", out: classes });
  return b.graph();
}
