import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { builder } from "../../src/graph/build.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { inferShapes } from "../../src/graph/infer.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { validateModel } from "../../src/graph/validate.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { pruneFilters, zooPair } from "../../src/prune/methods/uniform.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { nightly } from "../long.ts";

const test = suite("pairs to be timed");

test("the pruned network has half the multiply-adds, fewer filters and the same outputs' shape", async () => {
  const gpu = await testGpu();
  // The nightly takes the larger ones of the same blocks, which the phone page has.
  const blocks = nightly ? ["resnet20", "mobilenetv2-cifar"] : ["resnet8", "mobilenetv2-micro"];
  for (const name of ["digits", "lenet5", ...blocks]) {
    const { dense, pruned } = zooPair(name);
    validateModel(pruned);
    const [before, after] = [graphCost(dense.graph), graphCost(pruned.graph)];
    const share = after.macs / before.macs;
    assert.ok(share > 0.45 && share <= 0.5, `${name}: ${share}`);
    assert.ok(after.params < before.params);
    const [output] = dense.graph.outputs;
    const shape = inferShapes(pruned.graph).get(pruned.graph.outputs[0]);
    assert.equal(shape, inferShapes(dense.graph).get(output));
    const [{ shape: input }] = pruned.graph.inputs;
    using x = Tensor.zeros(gpu, [1, ...input.slice(1) as number[]]);
    const plan = compilePlan(gpu, pruned, 1);
    const logits = await plan.run(x).read();
    plan.dispose();
    assert.ok(logits.length === 10 || logits.length === 100, `${logits.length} logits`);
    assert.ok(logits.every(Number.isFinite));
  }
});

test("a pair is the same each time, and the filters of the largest norm stay", () => {
  const [one, other] = [zooPair("digits"), zooPair("digits")];
  assert.equal(one, other);
  const [name] = one.dense.graph.nodes.filter(({ op }) => op === "Conv").map(({ inputs }) => inputs[1]);
  const norms = ({ params }: typeof one.dense) => {
    const { shape, data } = params.get(name)!;
    const size = data.length / shape[0];
    return Array.from({ length: shape[0] }, (_, f) => Math.hypot(...data.subarray(f * size, (f + 1) * size)));
  };
  const [before, after] = [norms(one.dense), norms(one.pruned)];
  assert.ok(after.length < before.length);
  assert.equal(after.toSorted(), before.toSorted((a, b) => b - a).slice(0, after.length).toSorted());
});

test("what filters can't reach is said", () => {
  const b = builder("two layers", ["N", 4]);
  b.gemm(b.relu(b.gemm(b.input, { name: "hidden", out: 3 }), "relu"), { name: "out", out: 8 });
  const graph = b.graph();
  try {
    pruneFilters({ graph, params: initialise(graph, 1) }, 0.1);
    assert.unreachable("should throw");
  } catch (error) {
    assert.instance(error, UserError);
    assert.match((error as Error).message, /can't bring "two layers" to 0.1 of its multiply-adds: 0\.33 are left/);
  }
});

test.run();
