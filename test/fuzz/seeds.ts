/** Whole files that the mutations begin with. */
import type { Rng } from "../../kernels/random/philox.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { readOnnx } from "../../src/formats/onnx/read.ts";
import type { OnnxTensor } from "../../src/formats/onnx/types.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { concat, dict, floats, ordered, type Saved, tensor } from "../formats/pth-files.ts";
import { randomModel } from "../generate/graphs.ts";

export type Kind = "onnx" | "safetensors" | "archive" | "legacy";
export const KINDS: readonly Kind[] = ["onnx", "safetensors", "archive", "legacy"];

/** What the weights are for. */
export const graph = createModel("resnet8", { width: 0.125 });
const params = initialise(graph, 1);

const onnx = readOnnx(onnxBytes({ graph, params }), "net.onnx");
const withInitialisers = (initialisers: readonly OnnxTensor[], nodes = onnx.graph.nodes) =>
  writeOnnx({ ...onnx, graph: { ...onnx.graph, nodes, initialisers } });

/** The file beside the one whose numbers are elsewhere. */
export const beside = { location: "net.data", bytes: concat(onnx.graph.initialisers.flatMap(({ raw }) => raw ?? [])) };

/** Equal tensors stored once, as exporters do. */
function deduplicated(): Uint8Array {
  const kept = new Map<string, string>();
  const names = new Map(onnx.graph.initialisers.map(({ name, dims, raw }) => {
    const content = `${dims}:${raw}`;
    if (!kept.has(content)) kept.set(content, name);
    return [name, kept.get(content)!];
  }));
  return withInitialisers(
    onnx.graph.initialisers.filter(({ name }) => names.get(name) === name),
    onnx.graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map((name) => names.get(name) ?? name) })),
  );
}

function external(): Uint8Array {
  let offset = 0;
  return withInitialisers(onnx.graph.initialisers.map(({ raw, ...tensor }) => {
    if (!raw) return tensor;
    offset += raw.length;
    const { location } = beside;
    return { ...tensor, external: { location, offset: offset - raw.length, length: raw.length } };
  }));
}

export const onnxFiles: readonly Uint8Array[] = [
  onnxBytes({ graph, params }),
  ...Array.from({ length: 3 }, external),
  ...Array.from({ length: 3 }, deduplicated),
  ...Array.from({ length: 24 }, (_, seed) => onnxBytes(randomModel(seed))),
];

const stored = new Map(
  [...params].map(([name, { shape, data }]): [string, StoredTensor] => [name, { dtype: "F32", shape, data }]),
);

export const safetensorsFiles: readonly Uint8Array[] = [
  writeSafetensors(stored, { format: "pt", "secateur.mean": "0.5,0.5,0.5" }),
  writeSafetensors(
    new Map<string, StoredTensor>([
      ["half", { dtype: "F16", shape: [2], data: new Uint16Array([0x3c00, 0xc100]) }],
      ["steps", { dtype: "I64", shape: [], data: new BigInt64Array([-5n]) }],
      ["flags", { dtype: "BOOL", shape: [3], data: new Uint8Array([1, 0, 1]) }],
      ["empty", { dtype: "F64", shape: [0, 4], data: new Float64Array() }],
    ]),
  ),
];

const weights = (prefix: string): Saved =>
  ordered(Object.fromEntries(
    [...params].map(([name, { shape, data }], i) => [prefix + name, tensor(floats(String(i), [...data]), shape)]),
  ));
const shared = floats("0", [1, 2, 3, 4, 5, 6]);

export const checkpoints: readonly Saved[] = [
  weights(""),
  dict({ epoch: 300, state_dict: weights("module."), best_prec1: 91.5, args: [null, true, { tuple: [1, 2, 3, 4] }] }),
  ordered({
    transposed: { view: { storage: shared, shape: [3, 2], strides: [1, 3] } },
    window: { view: { storage: shared, offset: 1, shape: [2, 2], strides: [3, 1] } },
    scalar: tensor(floats("1", [0.5]), []),
  }),
];

/** Draws of one case. */
export interface Draws {
  /** An integer in [0, n). */
  below(n: number): number;
  pick<T>(items: ArrayLike<T>): T;
}

export function draws(rng: Rng, step: number): Draws {
  let index = 0;
  const below = (n: number) => rng.below(n, step, index++);
  return { below, pick: (items) => items[below(items.length)] };
}
