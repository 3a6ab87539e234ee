import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compilePlan } from "../../src/graph/plan.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { validateModel } from "../../src/graph/validate.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { transformer } from "../generate/transformer.ts";
import { testGpu } from "../gpu.ts";
import { nmse } from "../oracle/mid_graph.ts";

const test = suite("transformer");

test("the plan of a transformer computes what the reference does, run after run, dense and compact", async () => {
  const gpu = await testGpu();
  const graph = transformer();
  const dense = { graph, params: randomParams(graph, 1) };
  dense.params.get("stem.weight")!.data.fill(0, 27, 54);
  dense.params.get("stem.bias")!.data.fill(0, 1, 2);
  validateModel(dense);
  const small = compact(dense).model;
  assert.equal(small.graph.params["stem.weight"].shape, [4, 3, 3, 3]);
  for (const model of [dense, small]) {
    const plan = compilePlan(gpu, model, 3);
    const live = gpu.stats().liveBuffers;
    for (const seed of [2, 3]) {
      const inputs = randomInputs(graph, seed, 3);
      using input = Tensor.from(gpu, inputs.input.data, inputs.input.shape);
      const error = nmse(await plan.run(input).read(), referenceForward(dense, inputs).get(graph.outputs[0])!.data);
      assert.ok(error < 1e-10, `NMSE ${error}`);
    }
    assert.is(gpu.stats().liveBuffers, live, "a run gives back what it takes");
    plan.dispose();
  }
});

test.run();
