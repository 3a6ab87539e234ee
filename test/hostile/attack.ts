/** A network whose every name tries to steer a terminal, or to run in a page. */
import { DATA_TYPE, type OnnxModel } from "../../src/formats/onnx/types.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { float32, node } from "../formats/onnx-models.ts";

/**
 * A window's title, red, the eight-bit forms of both, a line of its own, writing from right to left, and an image whose error
 * runs a script. A file's name can hold all of it.
 */
export const ATTACK =
  `\x1b]0;owned\x07\x1b[31m\x9b31m\r\ndone: 100 %\u202edeggurt\u2066"'><img src=x onerror=attacked()>`;

/** An attack that `label` tells from the others. */
export const attack = (label: string) => `${label}${ATTACK}`;

/** Images of [3,6,6] to two classes, by two convolutions and a linear layer. */
export function attackNetwork(): Uint8Array<ArrayBuffer> {
  const [input, first, rectified, second, pooled, flat, output] = [
    "input",
    "first",
    "rectified",
    "second",
    "pooled",
    "flat",
    "output",
  ].map(attack);
  const weight = (name: string, dims: readonly number[]) => {
    const count = dims.reduce((a, b) => a * b, 1);
    return float32(attack(name), dims, Array.from({ length: count }, (_, i) => Math.sin(3 * i + count) / 4));
  };
  const initialisers = [weight("conv1", [4, 3, 3, 3]), weight("conv2", [6, 4, 3, 3]), weight("fc", [2, 6])];
  const [conv1, conv2, fc] = initialisers.map(({ name }) => name);
  const model: OnnxModel = {
    irVersion: 8,
    producer: attack("producer"),
    opsets: [{ domain: "", version: 17 }],
    properties: [
      { key: "secateur.classes", value: JSON.stringify([attack("cat"), attack("dog")].map(className)) },
      { key: attack("key"), value: attack("value") },
    ],
    graph: {
      name: attack("graph"),
      nodes: [
        node("Conv", [input, conv1], first, {}, attack("/conv1/Conv")),
        node("Relu", [first], rectified, {}, attack("/relu/Relu")),
        node("Conv", [rectified, conv2], second, {}, attack("/conv2/Conv")),
        node("GlobalAveragePool", [second], pooled, {}, attack("/pool/Pool")),
        node("Flatten", [pooled], flat, {}, attack("/flatten/Flatten")),
        node("Gemm", [flat, fc], output, { transB: 1 }, attack("/fc/Gemm")),
      ],
      initialisers,
      inputs: [{ name: input, dataType: DATA_TYPE.float, shape: [attack("batch"), 3, 6, 6] }],
      outputs: [{ name: output, dataType: DATA_TYPE.float, shape: [attack("batch"), 2] }],
    },
  };
  return writeOnnx(model);
}

/** The name of a class as its folder bears it. */
export const className = (name: string) => name.replaceAll("/", "");
