import { builder } from "../graph/build.ts";
import type { Graph } from "../graph/types.ts";
import { scaled, type SmallOptions } from "./options.ts";

/** The net for the bundled 8×8 digits: conv 16 and conv 32 (3×3, padded), max-pooling, fc 64, fc 10; 38,282 parameters. */
export function digits(options: SmallOptions = {}): Graph {
  const { classes = 10, inChannels = 1, width = 1 } = options;
  const b = builder("digits", ["N", inChannels, 8, 8]);
  let x = b.relu(b.conv(b.input, { name: "conv1", out: scaled(16, width), kernel: 3, pad: 1 }));
  x = b.relu(b.conv(x, { name: "conv2", out: scaled(32, width), kernel: 3, pad: 1 }));
  x = b.flatten(b.maxPool(x, { kernel: 2 }));
  x = b.relu(b.gemm(x, { name: "fc1", out: scaled(64, width) }));
  b.gemm(x, { name: "fc2", out: classes });
  return b.graph();
}
