/**
 * Networks for what is about the page and the library, not about networks: SwiftShader compiles the kernels of these for a
 * few seconds, and those of a bundled network or of a ResNet for a minute.
 */
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Graph } from "../../src/graph/types.ts";
import { convBn } from "../../src/models/blocks.ts";

/** The ONNX file of a convolution and two linear layers, for images [1,8,8]; a hundred kilobytes. */
export function smallOnnx(): Uint8Array<ArrayBuffer> {
  const b = builder("small", ["N", 1, 8, 8]);
  const x = b.flatten(b.relu(b.conv(b.input, { name: "conv", out: 4, kernel: 3, pad: 1 })));
  b.gemm(b.relu(b.gemm(x, { name: "fc1", out: 128 })), { name: "fc2", out: 10 });
  const graph = b.graph();
  return onnxBytes({ graph, params: initialise(graph, 1) });
}

/** The ONNX file of a convolution and a classifier, for images [1,8,8]: a latency table of it has a handful of points. */
export function tinyOnnx(): Uint8Array<ArrayBuffer> {
  const b = builder("tiny", ["N", 1, 8, 8]);
  const x = b.globalAveragePool(b.relu(b.conv(b.input, { name: "conv", out: 6, kernel: 3 })));
  b.gemm(b.flatten(x), { name: "fc", out: 10 });
  const graph = b.graph();
  return onnxBytes({ graph, params: initialise(graph, 1) });
}

/** A residual block with batch norm and a classifier, for images [1,size,size]. */
export function residualBlock(size: number): Graph {
  const b = builder("block", ["N", 1, size, size]);
  const x = b.relu(convBn(b, b.input, { conv: "conv1", bn: "bn1", out: 16, kernel: 3, stride: 2 }));
  const y = b.relu(convBn(b, x, { conv: "conv2", bn: "bn2", out: 16, kernel: 3 }));
  const z = convBn(b, y, { conv: "conv3", bn: "bn3", out: 16, kernel: 3 });
  b.gemm(b.flatten(b.globalAveragePool(b.relu(b.add(x, z)))), { name: "fc", out: 10 });
  return b.graph();
}
