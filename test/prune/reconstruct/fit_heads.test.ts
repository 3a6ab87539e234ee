/** Queries and keys of fewer dimensions in a network: exact where fewer say all, and nearer than without a fit elsewhere. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { firstImages } from "../../../src/data/proof_inputs.ts";
import { compareOutputs } from "../../../src/graph/compare.ts";
import { assertEquivalent, runPlan } from "../../../src/graph/equivalence.ts";
import type { Model } from "../../../src/graph/types.ts";
import { prune } from "../../../src/prune/prune_model.ts";
import { outputLoss } from "../../../src/prune/reconstruct/output_loss.ts";
import { reconstruct } from "../../../src/prune/reconstruct/reconstruct.ts";
import { reconstructible } from "../../../src/prune/reconstruct/reconstructible.ts";
import { compact } from "../../../src/prune/rewrite/compact.ts";
import { coupledConstraints } from "../../../src/prune/structures/constraints.ts";
import { vit } from "../../generate/transformer.ts";
import { testGpu } from "../../gpu.ts";
import { modelOf, shapeOf } from "../models.ts";
import { randomPixels } from "../random_pixels.ts";

const test = suite("fit of attention's scores in a network");
const gpu = await testGpu();

const images = randomPixels({ count: 128, classes: 3 });

const { inputs, batch } = firstImages(images, 64);
const outputs = (model: Model) => runPlan(gpu, model, inputs, batch);

/** The model whose queries have their dimensions 2 and 3 of each head from 0 and 1. */
function ofRankTwo({ graph, params }: Model, weight: string): Model {
  const { shape, data } = params.get(weight)!;
  const width = shape[1], changed = data.slice();
  for (let i = 0; i < shape[0]; i++) {
    for (const first of [0, 4]) {
      const [a, b] = [changed[i * width + first], changed[i * width + first + 1]];
      changed[i * width + first + 2] = 0.5 * a - b;
      changed[i * width + first + 3] = 2 * b;
    }
  }
  return { graph, params: new Map([...params, [weight, { shape, data: changed }]]) };
}

const halves = (model: Model) => coupledConstraints(model.graph, { granularity: "qk", keep: 0.5 });

test("scores of rank two need two dimensions, and the network is what it was", async () => {
  for (const [way, weight] of [["apart", "q.weight"], ["together", "qkv.weight"], ["stacked", "qkv.weight"]] as const) {
    const model = ofRankTwo(modelOf(vit(way)), weight);
    const fitted = await reconstruct({ gpu, model, images, constraints: halves(model) });
    assert.ok(compareOutputs(await outputs(model), await outputs(fitted.model)).maxRel <= 1e-3, way);
    const { model: small } = compact(fitted.model);
    assert.is(shapeOf(small, weight), way === "apart" ? "8x4" : "8x16");
    await assertEquivalent(gpu, fitted.model, small, inputs, batch);
  }
});

test("where more dimensions say something, the fit is nearer than what the largest of them make", async () => {
  const model = modelOf(vit("together"), {}, 3);
  const fitted = await reconstruct({ gpu, model, images, constraints: halves(model) });
  const masked = prune(model, { constraints: [{ granularity: "qk", keep: 0.5 }] }).model;
  const before = await outputs(model);
  const [near, far] = [
    outputLoss(before, await outputs(fitted.model), batch),
    outputLoss(before, await outputs(masked), batch),
  ];
  assert.ok(near < 0.7 * far, `${near} against ${far}`);
});

test("a budget is for filters", () => {
  const { graph } = modelOf(vit());
  const asked = { granularity: "qk", budget: { target: { macs: 0.5 } } } as const;
  assert.throws(() => reconstructible(graph, asked), /has no budget: give keep, a ratio for all heads/);
  assert.equal(reconstructible(graph, { granularity: "qk", keep: 0.5 }).options.layers, ["q.weight"]);
});

test.run();
