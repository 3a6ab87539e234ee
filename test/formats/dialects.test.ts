/** State dicts under the names of well-known repositories, listed here as those write them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { UserError } from "../../src/errors.ts";
import { loadWeights } from "../../src/formats/dialects/load.ts";
import type { StoredTensor } from "../../src/formats/safetensors.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Graph, HostTensor, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";

const test = suite("dialects");

type Shapes = Readonly<Record<string, readonly number[]>>;

const conv = (name: string, out: number, inner: number, kernel: number): Shapes => (
  { [`${name}.weight`]: [out, inner, kernel, kernel] }
);
const norm = (name: string, channels: number): Shapes => ({
  [`${name}.weight`]: [channels],
  [`${name}.bias`]: [channels],
  [`${name}.running_mean`]: [channels],
  [`${name}.running_var`]: [channels],
  [`${name}.num_batches_tracked`]: [],
});
const linear = (name: string, out: number, inner: number): Shapes => (
  { [`${name}.weight`]: [out, inner], [`${name}.bias`]: [out] }
);

/** ResNets of basic blocks, as the classes of these repositories name their modules. */
function basicResNet(
  widths: readonly number[],
  blocks: readonly number[],
  { skip, head, stem = 3 }: { readonly skip: string | null; readonly head: string; readonly stem?: number },
): Shapes {
  let shapes: Shapes = { ...conv("conv1", widths[0], 3, stem), ...norm("bn1", widths[0]) };
  let inner = widths[0];
  widths.forEach((out, stage) => {
    for (let i = 0; i < blocks[stage]; i++) {
      const name = `layer${stage + 1}.${i}`;
      shapes = {
        ...shapes,
        ...conv(`${name}.conv1`, out, inner, 3),
        ...norm(`${name}.bn1`, out),
        ...conv(`${name}.conv2`, out, out, 3),
        ...norm(`${name}.bn2`, out),
        ...skip && i === 0 && stage > 0
          ? { ...conv(`${name}.${skip}.0`, out, inner, 1), ...norm(`${name}.${skip}.1`, out) }
          : {},
      };
      inner = out;
    }
  });
  return { ...shapes, ...linear(head, 10, inner) };
}

/** kuangliu's VGG: convolutions with biases, one linear layer. */
function kuangliuVgg(layers: readonly (number | "M")[]): Shapes {
  let shapes: Shapes = {};
  let inner = 3;
  let index = 0;
  for (const layer of layers) {
    if (layer === "M") index++;
    else {
      shapes = {
        ...shapes,
        ...conv(`features.${index}`, layer, inner, 3),
        [`features.${index}.bias`]: [layer],
        ...norm(`features.${index + 1}`, layer),
      };
      index += 3;
      inner = layer;
    }
  }
  return { ...shapes, ...linear("classifier", 10, 512) };
}

/** Numbers that differ from tensor to tensor. */
function fill(shapes: Shapes): Map<string, StoredTensor> {
  return new Map(
    Object.entries(shapes).map(([name, shape]): [string, StoredTensor] => {
      if (name.endsWith("num_batches_tracked")) {
        return [name, { dtype: "I64", shape, data: BigInt64Array.of(7n) }];
      }
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
      const first = random(1, name).bits(0, 0) % 1000;
      for (let i = 0; i < data.length; i++) data[i] = ((first + i) % 1009) / 1024;
      return [name, { dtype: "F32", shape, data }];
    }),
  );
}

const CIFAR = [16, 32, 64];
const VGG16 = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"] as const;
const WIDE = [64, 128, 256, 512];

const cases: [name: string, graph: Graph, shapes: Shapes, ours: (theirs: string) => string][] = [
  [
    "akamaster's ResNet-20",
    createModel("resnet20"),
    basicResNet(CIFAR, [3, 3, 3], { skip: null, head: "linear" }),
    same,
  ],
  [
    "akamaster's ResNet-32",
    createModel("resnet32"),
    basicResNet(CIFAR, [5, 5, 5], { skip: null, head: "linear" }),
    same,
  ],
  [
    "akamaster's ResNet-44",
    createModel("resnet44"),
    basicResNet(CIFAR, [7, 7, 7], { skip: null, head: "linear" }),
    same,
  ],
  [
    "akamaster's ResNet-56",
    createModel("resnet56"),
    basicResNet(CIFAR, [9, 9, 9], { skip: null, head: "linear" }),
    same,
  ],
  [
    "akamaster's ResNet-110",
    createModel("resnet110"),
    basicResNet(CIFAR, [18, 18, 18], { skip: null, head: "linear" }),
    same,
  ],
  [
    "akamaster's ResNet-20 with option B",
    createModel("resnet20", { shortcut: "projection" }),
    basicResNet(CIFAR, [3, 3, 3], { skip: "shortcut", head: "linear" }),
    same,
  ],
  [
    "chenyaofo's ResNet-20",
    createModel("resnet20", { shortcut: "projection" }),
    basicResNet(CIFAR, [3, 3, 3], { skip: "downsample", head: "fc" }),
    (name) => name.replace(".downsample.", ".shortcut.").replace(/^fc\./, "linear."),
  ],
  [
    "kuangliu's ResNet-18",
    createModel("resnet18-cifar"),
    basicResNet(WIDE, [2, 2, 2, 2], { skip: "shortcut", head: "linear" }),
    (name) => name.replace(".shortcut.", ".downsample.").replace(/^linear\./, "fc."),
  ],
  [
    "torchvision's ResNet-18",
    createModel("resnet18", { classes: 10 }),
    basicResNet(WIDE, [2, 2, 2, 2], { skip: "downsample", head: "fc", stem: 7 }),
    same,
  ],
];
for (const [name, graph, shapes, ours] of cases) {
  test(`${name}, with DataParallel's prefix and without`, () => {
    const tensors = fill(shapes);
    for (const prefix of ["", "module.", "model.module."]) {
      const params = loadWeights(
        graph,
        new Map([...tensors].map(([name, tensor]) => [prefix + name, tensor])),
        "net.pth",
      );
      assert.equal([...params.keys()], Object.keys(graph.params));
      let taken = 0;
      for (const [theirs, { data }] of tensors) {
        if (theirs.endsWith("num_batches_tracked")) continue;
        assert.ok(same32(params.get(ours(theirs))!.data, data as Float32Array), theirs);
        taken++;
      }
      assert.is(taken, params.size, "each tensor once");
    }
  });
}

test("kuangliu's VGG-16: a bias before a batch norm goes into its mean", () => {
  const graph = createModel("vgg16-bn-cifar");
  const tensors = fill(kuangliuVgg(VGG16));
  const params = loadWeights(graph, tensors, "net.pth");
  assert.equal([...params.keys()], Object.keys(graph.params));
  const numbers = (name: string) => tensors.get(name)!.data as Float32Array;
  const bias = numbers("features.3.bias");
  const expected = numbers("features.4.running_mean").map((mean, channel) => mean - bias[channel]);
  assert.equal(params.get("features.4.running_mean")!.data, expected);
});

test("a bias in the mean computes what the bias did", () => {
  const [withBias, without] = [true, false].map((bias) => smallNet(bias));
  const params = new Map(
    Object.entries(withBias.params).map(([name, { shape }]) => {
      const data = random(3, name).fillUniform(new Float32Array(shape.reduce((a, b) => a * b, 1)), 0, 0.2, 1.2);
      return [name, { shape, data: data as HostTensor["data"] }];
    }),
  );
  const tensors = new Map([...params].map(([name, tensor]) => [name, { dtype: "F32" as const, ...tensor }]));
  const moved = loadWeights(without, tensors, "net.pth");
  assert.is(moved.has("features.0.bias"), false);
  const input = {
    shape: [2, 2, 5, 5],
    data: random(4, "x").fillNormal(new Float32Array(100), 0) as HostTensor["data"],
  };
  const run = (model: Model) => {
    const [graphInput] = model.graph.inputs;
    return [...referenceForward(model, { [graphInput.name]: input }).get(model.graph.outputs[0])!.data];
  };
  const [a, b] = [run({ graph: withBias, params }), run({ graph: without, params: moved })];
  const worst = Math.max(...a.map((value, i) => Math.abs(value - b[i])));
  assert.ok(worst < 1e-6 * Math.max(...a.map(Math.abs)), String(worst));
});

test("half-precision and double weights are rounded once to float32", () => {
  const graph = smallNet(true);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { shape, data }] of initialise(graph, 1)) {
    tensors.set(name, { dtype: "F64", shape, data: Float64Array.from(data, (value) => value + 1e-12) });
  }
  const bias = tensors.get("features.0.bias")!;
  tensors.set("features.0.bias", { dtype: "F16", shape: bias.shape, data: Uint16Array.of(0x3e00, 0xc000, 0x0001) });
  const params = loadWeights(graph, tensors, "net.pth");
  assert.equal([...params.get("features.0.bias")!.data], [1.5, -2, 2 ** -24]);
  const weight = tensors.get("features.0.weight")!;
  assert.equal([...params.get("features.0.weight")!.data], Array.from(weight.data as Float64Array, Math.fround));
});

const graph = createModel("resnet20");
const whole = () => fill(basicResNet(CIFAR, [3, 3, 3], { skip: null, head: "linear" }));
const float = (shape: readonly number[]): StoredTensor => (
  { dtype: "F32", shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }
);
const wrong: [what: string, change: (tensors: Map<string, StoredTensor>) => void, message: RegExp][] = [
  ["a missing tensor", (t) => t.delete("linear.bias"), /"resnet20": 1 missing: linear\.bias \[10\]$/],
  ["a tensor too many", (t) => t.set("fc2.weight", float([3, 2])), /1 left over: fc2\.weight \[3,2\]$/],
  [
    "another shape",
    (t) => t.set("linear.weight", float([100, 64])),
    /1 of another shape: linear\.weight \[100,64\], expected \[10,64\]$/,
  ],
  ["a transposed shape", (t) => t.set("linear.weight", float([64, 10])), /\[64,10\], expected \[10,64\]/],
  ["another rank", (t) => t.set("linear.bias", float([10, 1])), /linear\.bias \[10,1\], expected \[10\]/],
  [
    "integers",
    (t) => t.set("linear.bias", { dtype: "I32", shape: [10], data: new Int32Array(10) }),
    /tensor "linear\.bias" is I32, one of F64, F32, F16, BF16 expected/,
  ],
  ["one name in two dialects", (t) => t.set("fc.weight", float([10, 64])), /1 left over: fc\.weight/],
  ["only half a prefix", (t) => t.set("module.x", float([1])), /1 left over: module\.x \[1\]$/],
  [
    "a bias of another size before a batch norm",
    (t) => t.set("conv1.bias", float([3])),
    /left over: conv1\.bias \[3\]/,
  ],
  ["nothing", (t) => t.clear(), /97 missing: conv1\.weight \[16,3,3,3\], .* and 93 more$/],
];
for (const [what, change, message] of wrong) {
  test(`refuses ${what}`, () => {
    const tensors = whole();
    change(tensors);
    refused(graph, tensors, message);
  });
}

test("a projection's weights for option A are left over, and named as the file names them", () => {
  const shapes = basicResNet(CIFAR, [3, 3, 3], { skip: "downsample", head: "fc" });
  refused(
    graph,
    fill(shapes),
    /names read as .*chenyaofo.*10 left over: layer2\.0\.downsample\.0\.weight \[32,16,1,1\]/,
  );
});

function refused(graph: Graph, tensors: Map<string, StoredTensor>, message: RegExp): void {
  try {
    loadWeights(graph, tensors, "net.pth");
  } catch (error) {
    assert.instance(error, UserError, (error as Error).stack);
    assert.match((error as UserError).message, message);
    assert.ok((error as UserError).message.startsWith("net.pth: "));
    return;
  }
  assert.unreachable("not refused");
}

/** Convolution, with a bias or without, and batch norm. */
function smallNet(bias: boolean): Graph {
  const params: Graph["params"] = {
    "features.0.weight": { shape: [3, 2, 3, 3], role: "weight" },
    ...bias ? { "features.0.bias": { shape: [3], role: "bias" } } : {},
    "features.1.weight": { shape: [3], role: "gamma" },
    "features.1.bias": { shape: [3], role: "beta" },
    "features.1.running_mean": { shape: [3], role: "mean" },
    "features.1.running_var": { shape: [3], role: "variance" },
  };
  const layer = ["features.0.weight", ...bias ? ["features.0.bias"] : []];
  return {
    name: "small",
    inputs: [{ name: "x", shape: ["N", 2, 5, 5] }],
    outputs: ["y"],
    nodes: [
      { name: "c", op: "Conv", inputs: ["x", ...layer], outputs: ["h"], attrs: { pads: [0, 0, 0, 0] } },
      {
        name: "n",
        op: "BatchNormalization",
        inputs: ["h", ...["weight", "bias", "running_mean", "running_var"].map((part) => `features.1.${part}`)],
        outputs: ["y"],
        attrs: {},
      },
    ],
    params,
  };
}

/** In a loop: millions of numbers are too many for `assert.equal`. */
function same32(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function same(name: string): string {
  return name;
}

test.run();
