import { builder } from "../graph/build.ts";
import type { Graph } from "../graph/types.ts";
import { scaled, type SmallOptions } from "./options.ts";

/**
 * LeNet-5 as Caffe has it and as pruning papers count it: 20-50-500 for 28×28 images, 430,500 weights and 580 biases.
 * Like the pruning literature's versions, and unlike Caffe's example, it has a ReLU after each convolution.
 */
export function lenet5(options: SmallOptions = {}): Graph {
  const { classes = 10, inChannels = 1, width = 1 } = options;
  const b = builder("lenet5", ["N", inChannels, 28, 28]);
  let x = b.relu(b.conv(b.input, { name: "conv1", out: scaled(20, width), kernel: 5 }));
  x = b.maxPool(x, { kernel: 2 });
  x = b.relu(b.conv(x, { name: "conv2", out: scaled(50, width), kernel: 5 }));
  x = b.flatten(b.maxPool(x, { kernel: 2 }));
  x = b.relu(b.gemm(x, { name: "fc1", out: scaled(500, width) }));
  b.gemm(x, { name: "fc2", out: classes });
  return b.graph();
}
