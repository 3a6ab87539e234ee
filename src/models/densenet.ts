import { type Builder, builder } from "../graph/build.ts";
import type { Graph } from "../graph/types.ts";
import { type ImageOptions, scaled } from "./options.ts";

/**
 * DenseNet-40 with growth rate 12 for CIFAR (Huang et al. 2017, the plain form): three dense blocks of 12 layers, each of
 * which reads all maps made before it in its block. Parameter names are those of andreasveit/densenet-pytorch, whose
 * count (1,019,722) and initialisation this matches.
 */
export function densenet40(options: ImageOptions = {}): Graph {
  const { classes = 10, inChannels = 3, width = 1, size = 32 } = options;
  const b = builder("densenet40", ["N", inChannels, size, size]);
  let x = conv(b, b.input, "conv1", scaled(16, width), 3);
  for (const block of [1, 2, 3]) {
    for (let i = 0; i < 12; i++) x = denseLayer(b, x, `block${block}.layer.${i}`, scaled(12, width));
    if (block < 3) x = transition(b, x, `trans${block}`);
  }
  x = b.flatten(b.globalAveragePool(b.relu(b.batchNorm(x, { name: "bn1" }))));
  b.gemm(x, { name: "fc", out: classes, biasInit: { constant: 0 } });
  return b.graph();
}

function denseLayer(b: Builder, x: string, name: string, growth: number): string {
  const y = conv(b, b.relu(b.batchNorm(x, { name: `${name}.bn1` })), `${name}.conv1`, growth, 3);
  return b.concat([x, y], `${name}.concat`);
}

function transition(b: Builder, x: string, name: string): string {
  const y = conv(b, b.relu(b.batchNorm(x, { name: `${name}.bn1` })), `${name}.conv1`, b.channels(x), 1);
  return b.averagePool(y, { kernel: 2, name: `${name}.pool` });
}

function conv(b: Builder, x: string, name: string, out: number, kernel: number): string {
  return b.conv(x, { name, out, kernel, pad: (kernel - 1) / 2, bias: false, init: "he" });
}
