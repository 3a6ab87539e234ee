/** Values and gradients inside a graph, handed out in the same forward pass. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { execute, executeOutputs } from "../../src/graph/execute.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Graph } from "../../src/graph/types.ts";
import { sum } from "../../src/tensor/ops/reduce.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { assertClose } from "../tensor/check_op.ts";

const test = suite("execute: observed values and several outputs");

function residual(): Graph {
  const b = builder("net", ["N", 3, 6, 6]);
  const conv = (x: string, name: string) => b.conv(x, { name, out: 3, kernel: 3, pad: 1, bias: false });
  const y = b.relu(b.batchNorm(conv(b.input, "conv1"), { name: "bn1" }), "relu1");
  const z = b.relu6(b.add(b.batchNorm(conv(y, "conv2"), { name: "bn2" }), y, "sum"), "relu2");
  return b.graph([b.gemm(b.flatten(z), { name: "fc", out: 4 }), z]);
}

async function setUp(mode: "train" | "eval") {
  const gpu = await testGpu();
  const graph = residual();
  const params = randomParams(graph, 2);
  const { input } = randomInputs(graph, 3, 2);
  const tape = new Tape(gpu, mode);
  const tensors = new Map(
    Array.from(params, ([name, { shape, data }]) => [name, tape.own(Tensor.from(gpu, data, shape))]),
  );
  const x = tape.own(Tensor.from(gpu, input.data, input.shape));
  return { gpu, graph, params, input, tape, tensors, x };
}

for (const mode of ["eval", "train"] as const) {
  test(`every value of the graph is what float64 makes it, in mode ${mode}, norms before activations too`, async () => {
    const { gpu, graph, params, input, tape, tensors, x } = await setUp(mode);
    const expected = referenceForward({ graph, params }, { input }, { mode });
    const seen = new Map<string, Tensor>();
    const keep = (name: string) => (value: Tensor) => {
      const copy = tape.own(Tensor.empty(gpu, value.shape));
      gpu.copy(value, copy);
      seen.set(name, copy);
    };
    execute(tape, graph, tensors, x, { observe: new Map([...expected.keys()].map((name) => [name, keep(name)])) });
    assert.equal([...seen.keys()].sort(), [...expected.keys()].sort());
    for (const [name, value] of seen) assertClose(await value.read(), expected.get(name)!.data, 1e-4, name);
    tape.dispose();
  });
}

test("observing changes no bits of the output where no norm is fused", async () => {
  const { graph, tape, tensors, x } = await setUp("eval");
  const plain = await execute(tape, graph, tensors, x).read();
  const observe = new Map([["sum", () => {}]]);
  assert.equal(await execute(tape, graph, tensors, x, { observe }).read(), plain);
  tape.dispose();
});

test("all outputs come in the graph's order", async () => {
  const { graph, tape, tensors, x } = await setUp("eval");
  const outputs = executeOutputs(tape, graph, tensors, x);
  assert.equal(outputs.map(({ shape }) => shape), [[2, 4], [2, 3, 6, 6]]);
  assert.equal(await outputs[0].read(), await execute(tape, graph, tensors, x).read());
  tape.dispose();
});

test("an observed value that is watched keeps its numbers and has its gradient after backward", async () => {
  const { graph, params, input, tape, tensors, x } = await setUp("eval");
  const seen = new Map<string, Tensor>();
  const watch = (name: string) => (value: Tensor) => {
    tape.watch(value);
    seen.set(name, value);
  };
  const names = ["bn1", "relu1", "sum"];
  const y = execute(tape, graph, tensors, x, { observe: new Map(names.map((name) => [name, watch(name)])) });
  tape.backward(sum(tape, y));
  const expected = referenceForward({ graph, params }, { input });
  for (const [name, value] of seen) {
    assertClose(await value.read(), expected.get(name)!.data, 1e-4, name);
    const gradient = await tape.gradient(value)!.read();
    assertClose(probe(graph, params, expected, name, gradient), probed(gradient), 1e-3, `gradient of ${name}`);
  }
  tape.dispose();
});

/** Central differences of the sum of the outputs by some places of an inner value, which is made the input of the rest. */
function probe(
  graph: Graph,
  params: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>,
  values: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float64Array }>,
  name: string,
  gradient: Float32Array,
): number[] {
  const at = values.get(name)!;
  const first = graph.nodes.findIndex(({ outputs }) => outputs[0] === name) + 1;
  const rest = graph.nodes.slice(first);
  // What else the rest reads from before, as further inputs.
  const made = new Set(rest.flatMap(({ outputs }) => outputs));
  const read = new Set(rest.flatMap(({ inputs }) => inputs).filter((value) => values.has(value) && !made.has(value)));
  const inputs = [...read].map((value) => ({ name: value, shape: values.get(value)!.shape }));
  const loss = (place: number, change: number) => {
    const given = Object.fromEntries([...read].map((value) => [value, values.get(value)!]));
    given[name] = { shape: at.shape, data: at.data.with(place, at.data[place] + change) };
    const tail = { ...graph, inputs, nodes: rest };
    return referenceForward({ graph: tail, params }, given).get(graph.outputs[0])!.data.reduce((a, b) => a + b, 0);
  };
  return places(gradient).map((place) => (loss(place, 1e-5) - loss(place, -1e-5)) / 2e-5);
}

const places = ({ length }: Float32Array) => Array.from({ length: 12 }, (_, i) => Math.floor(i * length / 12));
const probed = (gradient: Float32Array) => places(gradient).map((place) => gradient[place]);

test("a value that the graph doesn't have is refused by name", async () => {
  const { graph, tape, tensors, x } = await setUp("eval");
  assert.throws(
    () => execute(tape, graph, tensors, x, { observe: new Map([["relu3", () => {}]]) }),
    /graph "net" computes no value "relu3" to observe/,
  );
  tape.dispose();
});

test.run();
