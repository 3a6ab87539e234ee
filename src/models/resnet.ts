import { type Builder, builder } from "../graph/build.ts";
import type { Graph } from "../graph/types.ts";
import { convBn } from "./blocks.ts";
import { type ResNetOptions, scaled } from "./options.ts";

/**
 * The CIFAR ResNets of He et al. 2016, section 4.2: a 3×3 stem, three stages of basic blocks with 16, 32 and 64
 * channels, global average pooling and one linear layer. `depth` is 6n + 2: 8, 14, 20, 32, 44, 56, 110. Parameter names are those
 * of akamaster/pytorch_resnet_cifar10, whose counts (ResNet-20: 269,722 with option A) this matches.
 */
export function resnet(depth: number, options: ResNetOptions = {}): Graph {
  const { classes = 10, inChannels = 3, width = 1, size = 32, shortcut = "A" } = options;
  const blocks = (depth - 2) / 6;
  const b = builder(`resnet${depth}`, ["N", inChannels, size, size]);
  let x = convBn(b, b.input, { conv: "conv1", bn: "bn1", out: scaled(16, width), kernel: 3 });
  x = b.relu(x, "relu1");
  [16, 32, 64].forEach((channels, stage) => {
    for (let i = 0; i < blocks; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      x = basicBlock(b, x, `layer${stage + 1}.${i}`, scaled(channels, width), stride, shortcut);
    }
  });
  x = b.flatten(b.globalAveragePool(x));
  b.gemm(x, { name: "linear", out: classes });
  return b.graph();
}

function basicBlock(b: Builder, x: string, name: string, out: number, stride: number, shortcut: "A" | "projection") {
  let y = convBn(b, x, { conv: `${name}.conv1`, bn: `${name}.bn1`, out, kernel: 3, stride });
  y = b.relu(y, `${name}.relu1`);
  y = convBn(b, y, { conv: `${name}.conv2`, bn: `${name}.bn2`, out, kernel: 3 });
  let skip = x;
  if (stride !== 1 || b.channels(x) !== out) {
    skip = shortcut === "A"
      ? subsampleAndPad(b, x, `${name}.shortcut`, out, stride)
      : convBn(b, x, { conv: `${name}.shortcut.0`, bn: `${name}.shortcut.1`, out, kernel: 1, stride });
  }
  return b.relu(b.add(y, skip, `${name}.add`), `${name}.relu2`);
}

/** Option A: every second pixel, and zero channels half before and half after. */
function subsampleAndPad(b: Builder, x: string, name: string, out: number, stride: number): string {
  const [, channels, height, width] = b.shape(x) as number[];
  const sliced = b.slice(
    x,
    { axes: [2, 3], starts: [0, 0], ends: [height, width], steps: [stride, stride] },
    `${name}.slice`,
  );
  const before = Math.floor((out - channels) / 2);
  return b.pad(sliced, [0, before, 0, 0], [0, out - channels - before, 0, 0], `${name}.pad`);
}
