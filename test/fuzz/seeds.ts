/** Whole files that the mutations begin with. */
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { readOnnx } from "../../src/formats/onnx/read.ts";
import type { OnnxTensor } from "../../src/formats/onnx/types.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { parse } from "yaml";
import { emptyPlans, withTuned, writePlans } from "../../src/measure/plans.ts";
import type { Tuned } from "../../src/measure/tune.ts";
import { createModel } from "../../src/models/zoo.ts";
import { named } from "../../src/recipe/named.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { alphaPng, bitPng, greyAlphaPng, greyPng, jpegFile, type SampleFile } from "../data/image-files.ts";
import { concat, dict, floats, ordered, type Saved, tensor } from "../formats/pth-files.ts";
import { randomModel } from "../generate/graphs.ts";
import type { Value } from "./json.ts";

/** What a case is read as. `graph` is an ONNX graph from a grammar; `archive` and `legacy` are the two forms of a .pth. */
export const KINDS = [
  "onnx",
  "graph",
  "safetensors",
  "archive",
  "legacy",
  "tar",
  "image",
  "recipe",
  "record",
  "plans",
] as const;
export type Kind = (typeof KINDS)[number];

/** The kinds come in turn. */
export const kindOf = (number: number): Kind => KINDS[number % KINDS.length];

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

const decoded = ({ base64 }: SampleFile) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

export const pngFiles: readonly Uint8Array[] = [greyPng, greyAlphaPng, alphaPng, bitPng].map(decoded);
export const jpegFiles: readonly Uint8Array[] = [decoded(jpegFile)];

/** Every recipe that has a name, as the values that its YAML gives. */
export const recipes: readonly Value[] = Object.values(named).map((text) => parse(text));

/** What a recipe's text may say in place of a value. */
export const YAML_SNIPPETS: readonly string[] = [
  "&a [*a]",
  "&a { b: *a }",
  "!!js/function 'function () {}'",
  "!!binary aGVsbG8=",
  "!<tag:yaml.org,2002:python/object/apply:os.system> [ls]",
  "{ <<: [{ a: 1 }, { a: 2 }] }",
  "|\n    text\n    text",
  "[".repeat(500) + "]".repeat(500),
  `[&a [x, x], &b [${"*a, ".repeat(9)}], &c [${"*b, ".repeat(9)}], &d [${"*c, ".repeat(9)}], [${"*d, ".repeat(9)}]]`,
  "2026-01-31T12:00:00Z",
  "0x7fffffffffffffff",
  ".nan",
  "*nobody",
  '"unclosed',
];

const row = {
  network: "digits",
  batch: 1,
  params: 10,
  macs: 20,
  status: "measured",
  medianMs: 1.5,
  madMs: 0.1,
  samples: 20,
};
export const record: Value = {
  version: 1,
  tool: "secateur 0.1.0",
  session: "0123456789abcdef",
  name: "pixel-8",
  started: "2026-01-31T12:00:00.000Z",
  runtime: { userAgent: "a browser", cores: 8, isolated: true },
  backend: "webgpu",
  protocol: { mode: "burst", seconds: 1, batches: [1, 8] },
  complete: true,
  device: {
    vendor: "arm",
    architecture: "valhall",
    description: "",
    fallback: false,
    features: ["f16"],
    limits: { a: 1 },
  },
  rows: [{ ...row, variant: "dense" }, { ...row, variant: "pruned", macs: 9 }],
  layers: [{
    network: "digits",
    variant: "dense",
    batch: 1,
    layer: "a",
    op: "Conv",
    macs: 1,
    medianMs: 1,
    ofWhole: 0.5,
  }],
  kernels: [],
  incidents: [{ atMs: 1, kind: "slower", text: "warm" }],
};

export const ADAPTER = { vendor: "mesa", architecture: "", description: "llvmpipe", fallback: true };

/** Tuned plans as a run writes them. */
const kept = memoryStore();
const tuned = {
  shapeClass: "conv 8",
  winner: "direct",
  untuned: "direct",
  measured: [{ name: "direct", medianMs: 1 }],
};
await writePlans(kept, "plans.json", withTuned(emptyPlans(ADAPTER), [tuned as unknown as Tuned]));
export const plans: Value = JSON.parse(new TextDecoder().decode(await kept.read("plans.json")));
