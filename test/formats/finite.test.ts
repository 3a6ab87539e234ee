/** Weights and constants that aren't finite are refused by name and place, whatever file they come in. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { adaptInput } from "../../src/data/input.ts";
import type { Dataset } from "../../src/data/types.ts";
import { UserError } from "../../src/errors.ts";
import { loadWeights } from "../../src/formats/dialects/load.ts";
import { parseModel, writeModel } from "../../src/formats/model_file.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { readWeights } from "../../src/formats/weights.ts";
import { finiteProblem, nonFinite } from "../../src/graph/finite.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { HostTensor, Model } from "../../src/graph/types.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { float32, model as onnxModel, node } from "./onnx-models.ts";
import { archive, dict, floats, tensor } from "./pth-files.ts";

const test = suite("finite numbers");

function convAndNorm(): Model {
  const b = builder("net", ["N", 1, 4, 4]);
  b.batchNorm(b.conv(b.input, { name: "conv", out: 2, kernel: 3, pad: 1 }), { name: "bn" });
  const graph = b.graph();
  return { graph, params: initialise(graph, 1) };
}

/** The model with one number replaced. */
function withNumber(name: string, at: number, value: number): Model {
  const { graph, params } = convAndNorm();
  const { shape, data } = params.get(name)!;
  return { graph, params: new Map<string, HostTensor>([...params, [name, { shape, data: data.with(at, value) }]]) };
}

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.instance(error, UserError);
    return (error as Error).message;
  }
  return "nothing was refused";
}

test("the count, the first index and its value are told", () => {
  assert.is(nonFinite(Float32Array.of(1, -2, 3e38)), undefined);
  assert.equal(nonFinite(Float32Array.of(1, -Infinity, 2, NaN)), { count: 2, first: 1, value: -Infinity });
  assert.equal(nonFinite([NaN]), { count: 1, first: 0, value: NaN });
});

test("a problem names the parameter, how many numbers, the place per axis, and what to do", () => {
  assert.is(finiteProblem(convAndNorm()), undefined);
  // 13 = (1, 0, 1, 1) in [2, 1, 3, 3].
  assert.is(
    finiteProblem(withNumber("conv.weight", 13, NaN)),
    `parameter "conv.weight" [2,1,3,3] holds 1 of 18 numbers that aren't finite, the first is NaN at [1, 0, 1, 1]: ` +
      "its training diverged or the file is damaged; take an earlier checkpoint",
  );
  assert.match(
    finiteProblem(withNumber("conv.bias", 1, Infinity))!,
    /"conv.bias" \[2\] .* Infinity at \[1\]: .*float32/,
  );
  const params = new Map(withNumber("bn.weight", 0, NaN).params).set("bn.bias", {
    shape: [2],
    data: Float32Array.of(NaN, 1),
  });
  assert.match(finiteProblem({ ...convAndNorm(), params })!, /\(and so do 1 more parameters\)/);
});

test("a variance must stay above zero once epsilon is added", () => {
  const name = convAndNorm().graph.nodes[1].inputs[4];
  assert.is(finiteProblem(withNumber(name, 1, 0)), undefined);
  assert.is(finiteProblem(withNumber(name, 1, -9e-6)), undefined, "epsilon is 1e-5");
  assert.match(finiteProblem(withNumber(name, 1, -2e-5))!, /at channel 1, batch norm .* expects more than -0.00001/);
  assert.match(finiteProblem(withNumber(name, 0, NaN))!, /NaN at \[0\]/);
});

test("an ONNX file whose weight holds NaN is refused by name", async () => {
  const bytes = await Deno.readFile(`${import.meta.dirname}/fixtures/nan_weight.onnx`);
  const message = refusal(() => loadOnnx(bytes, "net.onnx"));
  assert.match(message, /^net\.onnx: parameter "0\.weight" \[8,3,3,3\] holds 27 of 216 numbers that aren't finite/);
});

test("a constant that the importer computes as infinite is refused", () => {
  const nodes = [node("Div", ["a", "zero"], "quotient"), node("Add", ["x", "quotient"], "y")];
  const initialisers = [float32("a", [1, 3, 1, 1], [1, 2, 3]), float32("zero", [1, 3, 1, 1], [1, 0, 1])];
  const bytes = writeOnnx(onnxModel(nodes, { initialisers, input: ["N", 3, 2, 2] }));
  assert.match(refusal(() => loadOnnx(bytes, "net.onnx")), /^net\.onnx: parameter .*Infinity at \[0, 1, 0, 0\]/);
});

for (
  const [op, attribute, value] of [
    ["LeakyRelu", "alpha", Infinity],
    ["LeakyRelu", "alpha", NaN],
    ["HardSigmoid", "beta", -Infinity],
  ] as const
) {
  test(`${op} with ${attribute} ${value} is refused by node and attribute`, () => {
    const bytes = writeOnnx(
      onnxModel([{ ...node(op, ["x"]), attributes: [{ name: attribute, kind: "float", value }] }]),
    );
    assert.match(refusal(() => loadOnnx(bytes, "net.onnx")), `${op} "/block/${op}": ${attribute} is ${value}`);
  });
}

for (
  const [dtype, data, value] of [
    ["F16", Uint16Array.of(0x3c00, 0x7c00), "Infinity"],
    ["BF16", Uint16Array.of(0x3f80, 0x7fc0), "NaN"],
    ["F64", Float64Array.of(1, -1e300), "-Infinity"],
    ["F32", Float32Array.of(1, NaN), "NaN"],
  ] as const
) {
  test(`a ${dtype} weight that is ${value} as float32 is refused when safetensors are read`, () => {
    const { graph, params } = convAndNorm();
    const stored = new Map([...params].map(([name, { shape, data }]): [string, StoredTensor] => [
      name,
      { dtype: "F32", shape, data },
    ]));
    stored.set("conv.bias", { dtype, shape: [2], data });
    const { tensors } = readWeights(writeSafetensors(stored), "w.safetensors");
    const message = refusal(() => loadWeights(graph, tensors, "w.safetensors"));
    assert.match(message, /^w\.safetensors: parameter "conv\.bias" \[2\] holds 1 of 2 /);
    assert.match(message, `the first is ${value} at [1]`);
  });
}

test("a weight of a PyTorch checkpoint that is infinite is refused", () => {
  const { graph, params } = withNumber("conv.weight", 4, -Infinity);
  const saved = dict(Object.fromEntries(
    [...params].map(([name, { shape, data }], i) => [name, tensor(floats(String(i), [...data]), shape)]),
  ));
  const { tensors } = readWeights(archive(saved), "w.pth");
  assert.match(
    refusal(() => loadWeights(graph, tensors, "w.pth")),
    /^w\.pth: parameter "conv\.weight".* at \[0, 0, 1, 1\]/,
  );
});

test("a run's model.safetensors whose weight holds NaN is refused", async () => {
  const store = memoryStore();
  const model = withNumber("conv.bias", 0, NaN);
  await writeModel(store, "run", { model, origin: new Map(), dense: model });
  const bytes = await store.read("run/model.safetensors");
  try {
    await parseModel(bytes!, "run/model.safetensors");
    assert.unreachable("it was read");
  } catch (error) {
    assert.match((error as Error).message, /^run\/model\.safetensors: .*parameter "conv\.bias" \[2\] holds 1 of 2/);
  }
});

test("a network that isn't finite isn't written as ONNX", () => {
  assert.match(
    refusal(() => onnxBytes(withNumber("conv.bias", 0, NaN))),
    /^"net" isn't written as ONNX: .*"conv\.bias"/,
  );
});

for (
  const [what, options, message] of [
    ["a std of zero", { std: [0] }, /std has the number 0, expected finite numbers above 0/],
    ["a negative std", { std: [-1] }, /std has the number -1/],
    ["a std that is NaN", { std: [NaN] }, /std has the number NaN/],
    ["an infinite mean", { mean: [-Infinity] }, /mean has the number -Infinity, expected finite numbers/],
  ] as const
) {
  test(`${what} is refused before images are divided by it`, () => {
    const data: Dataset = {
      name: "one",
      classes: 2,
      shape: [1, 1, 1],
      count: 1,
      images: Uint8Array.of(7),
      labels: Uint16Array.of(0),
      normalization: { scale: 255, mean: [0], std: [1] },
    };
    assert.match(refusal(() => adaptInput(data, options)), message);
  });
}

test.run();
