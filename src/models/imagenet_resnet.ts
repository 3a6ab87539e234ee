import { type Builder, builder } from "../graph/build.ts";
import type { Graph } from "../graph/types.ts";
import { convBn } from "./blocks.ts";
import { type ImageOptions, scaled } from "./options.ts";

/** Basic blocks per stage. */
const BLOCKS = { 18: [2, 2, 2, 2], 34: [3, 4, 6, 3] } as const;

/** 7×7 with stride 2 and a max-pooling of stride 2, or 3×3 alone. */
export type Stem = "imagenet" | "cifar";

/**
 * ResNet-18 and 34 of He et al. 2016, table 1: four stages of basic blocks with 64 to 512 channels, projections where the
 * shape changes, global average pooling and one linear layer. Parameter names and counts are torchvision's (11,689,512
 * and 21,797,672). With the CIFAR stem it is the network of StructADMM's ResNet-18 experiments (kuangliu/pytorch-cifar).
 */
export function imagenetResNet(depth: 18 | 34, stem: Stem, options: ImageOptions = {}): Graph {
  const cifar = stem === "cifar";
  const { classes = cifar ? 10 : 1000, inChannels = 3, width = 1, size = cifar ? 32 : 224 } = options;
  const b = builder(cifar ? `resnet${depth}-cifar` : `resnet${depth}`, ["N", inChannels, size, size]);
  const [kernel, stride] = cifar ? [3, 1] : [7, 2];
  let x = b.relu(convBn(b, b.input, { conv: "conv1", bn: "bn1", out: scaled(64, width), kernel, stride }), "relu1");
  if (!cifar) x = b.maxPool(x, { kernel: 3, stride: 2, pad: 1, name: "maxpool" });
  BLOCKS[depth].forEach((blocks, stage) => {
    for (let i = 0; i < blocks; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      x = basicBlock(b, x, `layer${stage + 1}.${i}`, scaled(64 * 2 ** stage, width), stride);
    }
  });
  b.gemm(b.flatten(b.globalAveragePool(x, "avgpool")), { name: "fc", out: classes });
  return b.graph();
}

function basicBlock(b: Builder, x: string, name: string, out: number, stride: number): string {
  let y = convBn(b, x, { conv: `${name}.conv1`, bn: `${name}.bn1`, out, kernel: 3, stride });
  y = b.relu(y, `${name}.relu1`);
  y = convBn(b, y, { conv: `${name}.conv2`, bn: `${name}.bn2`, out, kernel: 3 });
  const skip = stride === 1 && b.channels(x) === out
    ? x
    : convBn(b, x, { conv: `${name}.downsample.0`, bn: `${name}.downsample.1`, out, kernel: 1, stride });
  return b.relu(b.add(y, skip, `${name}.add`), `${name}.relu2`);
}
