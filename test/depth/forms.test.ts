/** Networks in which blocks are mixed with their forms: both ends, what is between, and its gradients. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { applyGene, FORMS, formsOf } from "../../src/depth/forms/forms.ts";
import type { FormName } from "../../src/depth/types.ts";
import { settle } from "../../src/depth/forms/settle.ts";

import { execute } from "../../src/graph/execute.ts";
import type { NumericTensor } from "../../src/graph/reference/forward.ts";
import { isMix, isStatistic } from "../../src/graph/roles.ts";
import type { Model } from "../../src/graph/types.ts";
import { validateModel } from "../../src/graph/validate.ts";
import { createModel } from "../../src/models/zoo.ts";
import { mul } from "../../src/tensor/ops/pointwise.ts";
import { sum } from "../../src/tensor/ops/reduce.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { dice } from "../generate/dice.ts";
import { randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { assertClose } from "../tensor/check_op.ts";
import { SMALL_BLOCKS } from "./small_blocks.ts";
import { forwardAt, noise, referenceAt } from "./lambda.ts";

const test = suite("forms of blocks");

const MICRO = ["resnet14", "mobilenetv2-micro", "convnext-micro", "deit-micro"] as const;

function micro(name: string): Model {
  const graph = createModel(name, { size: 8, width: name === "deit-micro" ? 0.25 : 0.5, inChannels: 1 });
  return { graph, params: randomParams(graph, 4) };
}

function mixed(model: Model, form: FormName) {
  const blocks = findBlocks(model.graph);
  const gene = blocks.blocks.map((block) => formsOf(model.graph, block).includes(form) ? form : "keep");
  assert.ok(gene.includes(form), `no block takes ${form}`);
  return applyGene(model, blocks, gene);
}

for (const name of MICRO) {
  for (const form of Object.keys(FORMS) as FormName[]) {
    if (form === "attention" && name !== "deit-micro") continue;
    if ((form === "first" || form === "second") && name !== "resnet14") continue;
    test(`${name}, ${form}: at λ = 0 it is the network as it was, at λ = 1 the form, bit for bit`, async () => {
      const gpu = await testGpu();
      const model = micro(name);
      const { model: both, map } = mixed(model, form);
      validateModel(both);
      const [block, pruned] = [settle(both, "block"), settle(both, "form")];
      validateModel(pruned);
      assert.equal(block.graph, model.graph);
      assert.equal([...block.params], [...model.params]);
      assert.not(pruned.graph.nodes.some(isMix));
      for (const parameter of Object.keys(model.graph.params)) assert.ok(map.has(parameter));
      const x = noise(model.graph, dice(1, name).normal);
      const before = await forwardAt(gpu, model, x, 1);
      assert.equal([...await forwardAt(gpu, both, x, 0)], [...before]);
      const after = await forwardAt(gpu, pruned, x, 1);
      assert.equal([...await forwardAt(gpu, both, x, 1)], [...after]);
      assert.not.equal([...after], [...before]);
      const exact = referenceAt(both, x, 0.3);
      assertClose([...await forwardAt(gpu, both, x, 0.3)], [...exact], 1e-4, "λ = 0.3");
    });
  }
}

const STEP = 1e-5;

for (const [name, build] of Object.entries(SMALL_BLOCKS)) {
  const graph = build();
  for (const form of formsOf(graph, findBlocks(graph).blocks[0])) {
    for (const mode of form === "identity" ? ["train", "eval"] as const : ["train"] as const) {
      test(`${name}, ${form}, ${mode}: gradients at λ = 0.3 are those of finite differences`, async () => {
        const { model } = mixed({ graph, params: randomParams(graph, 6) }, form);
        await checkGradients(model, mode);
      });
    }
  }
}

/** Of a sum with random weights over the network's output, by the input and each parameter that is trained. */
async function checkGradients({ graph, params }: Model, mode: "eval" | "train"): Promise<void> {
  const gpu = await testGpu();
  const d = dice(5, graph.name);
  const x = noise(graph, d.normal, 4);
  using tape = new Tape(gpu, mode);
  const tensors = new Map(Array.from(params, ([name, t]) => [name, tape.own(Tensor.from(gpu, t.data, t.shape))]));
  const input = tape.own(Tensor.from(gpu, x.data, x.shape));
  const watched = new Map([
    ["input", input],
    ...[...tensors].filter(([name]) => !isStatistic(graph.params[name].role)),
  ]);
  for (const tensor of watched.values()) tape.watch(tensor);
  const y = execute(tape, graph, tensors, input, { mix: 0.3 });
  const c = Float32Array.from({ length: y.size }, () => d.normal());
  tape.backward(sum(tape, mul(tape, y, tape.own(Tensor.from(gpu, c, y.shape)))));
  const names = [...watched.keys()];
  const read = await readTensors(names.map((name) => tape.gradient(watched.get(name)!)!));
  const loss = (changed: string, data: Float64Array) => {
    const at = changed === "input" ? { shape: x.shape, data } : x;
    const values = changed === "input"
      ? params
      : new Map<string, NumericTensor>(params).set(changed, { shape: params.get(changed)!.shape, data });
    return referenceAt({ graph, params: values }, at, 0.3, mode).reduce((total, v, i) => total + v * c[i], 0);
  };
  const compared = names.map((name, i) => {
    const at = Float64Array.from(name === "input" ? x.data : params.get(name)!.data);
    const probes = [...new Set(Array.from({ length: 6 }, () => d.between(0, at.length - 1)))];
    const numeric = probes.map((p) =>
      (loss(name, at.with(p, at[p] + STEP)) - loss(name, at.with(p, at[p] - STEP))) / (2 * STEP)
    );
    const off = Math.max(...probes.map((p, j) => Math.abs(read[i][p] - numeric[j])));
    return { name, off, largest: Math.max(...numeric.map(Math.abs)) };
  });
  // A bias of the keys shifts all scores alike: a gradient that vanishes is a difference of the others'.
  const rounding = 1e-5 * Math.max(...compared.map(({ largest }) => largest));
  for (const { name, off, largest } of compared) {
    assert.ok(off <= 2e-4 * largest + rounding, `${graph.name}: gradient of ${name} is off by ${off}, of ${largest}`);
  }
}

test.run();
