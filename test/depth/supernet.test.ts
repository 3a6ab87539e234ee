/** A supernet: networks of genes over one map of parameters, what they begin with, and their training. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { applyGene } from "../../src/depth/forms/forms.ts";
import { settle } from "../../src/depth/forms/settle.ts";
import { startForms } from "../../src/depth/start_forms.ts";
import { evaluateGene, fidelitiesAgree } from "../../src/depth/supernet/evaluate_gene.ts";
import { type GeneFamily, geneFamily } from "../../src/depth/supernet/gene_family.ts";
import { supernet } from "../../src/depth/supernet/supernet.ts";
import type { Gene } from "../../src/depth/types.ts";
import { isBatchNorm, isMix } from "../../src/graph/roles.ts";
import { execute } from "../../src/graph/execute.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { crossEntropy } from "../../src/train/losses/cross_entropy.ts";
import { log } from "../../src/train/callbacks/log.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { checkpoint } from "../../src/train/callbacks/checkpoint.ts";
import { Interrupted } from "../../src/train/errors.ts";
import { evaluateModel } from "../../src/train/evaluate.ts";
import { recalibrate } from "../../src/train/recalibrate.ts";
import { train, type TrainOptions } from "../../src/train/train.ts";
import type { Callback, Snapshot } from "../../src/train/types.ts";
import { testGpu } from "../gpu.ts";
import { openGpu } from "../gpu/kernels.ts";
import { abortedAt } from "../recipe/interrupt.ts";
import { brightPixels, flat } from "../train/small.ts";
import { forwardAt } from "./lambda.ts";

const test = suite("supernet");
const gpu = await testGpu();

const data = brightPixels(32);
const heldOut = brightPixels(600);
/** Three basic blocks whose norms stay in their forms, with statistics of their own. */
const model = await trained(createModel("resnet8", { width: 0.25, size: 4, inChannels: 1, classes: 3 }));
const { blocks } = findBlocks(model.graph);
const full = blocks.map(() => "identity" as const);

async function trained(graph: Graph): Promise<Model> {
  const start = { graph, params: initialise(graph, 1) };
  const { params } = await train({ gpu, graphs: [graph], params: start.params, data, batch: 16, epochs: 2 });
  return { graph, params };
}

async function familyOf(gene: readonly ("identity" | "keep")[]): Promise<GeneFamily> {
  const { rewrite: { model: mixed }, mixes } = await startForms({ gpu, model, blocks, gene, images: data });
  return geneFamily(mixed, blocks.map((block, b) => ({ block, form: gene[b], mixes: mixes[b] })));
}

const family = await familyOf(full);

function everyGene(): Gene[] {
  return full.reduce<Gene[]>((genes, form) => genes.flatMap((gene) => [[...gene, "keep"], [...gene, form]]), [[]]);
}

/** Four steps in two epochs. */
const setting = { gpu, data, batch: 16, epochs: 2, seed: 3, optimizer: { kind: "sgd", lr: 0.02 } } as const;

function trainSupernet(own: GeneFamily, more: Partial<TrainOptions> = {}, ...callbacks: Callback[]) {
  const { graphs, loss, callback } = supernet({ family: own, teacher: model, seed: 5 });
  return train({
    ...setting,
    graphs,
    params: own.params,
    loss,
    statistics: "first",
    ...more,
    callbacks: [callback, ...callbacks],
  });
}

test("the network of a gene is the one that its forms make, and that of no form is the original", async () => {
  assert.is(blocks.length, 3);
  const x = { shape: [4, 1, 4, 4], data: Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)) };
  for (const gene of everyGene()) {
    const found = await forwardAt(gpu, family.model(gene), x, 1);
    const { graph } = settle(applyGene(model, { blocks, refused: [] }, gene).model, "form");
    const params = new Map([...family.params].filter(([name]) => graph.params[name]));
    assert.equal(found, await forwardAt(gpu, { graph, params }, x, 1), `${gene}`);
  }
  assert.equal(family.graph(full.map(() => "keep")), model.graph);
});

test("a norm that stays in a form has parameters of its own there, and shares nothing with the block's", () => {
  const original = new Set(Object.keys(model.graph.params));
  family.blocks.forEach(({ block }, b) => {
    const gene: Gene = full.map((form, at) => at === b ? form : "keep");
    const norms = family.graph(gene).nodes.filter(isBatchNorm);
    const inside = norms.filter(({ name }) => block.nodes.includes(name));
    assert.ok(inside.length >= 2, block.name);
    for (const { name, inputs } of inside) {
      assert.equal(inputs.slice(1).filter((param) => original.has(param)), [], name);
      for (const param of inputs.slice(1)) {
        assert.equal(family.params.get(param), model.params.get(param.replace(/\.pruned$/, "")), param);
      }
    }
    const outside = norms.filter(({ name }) => !block.nodes.includes(name) && !name.startsWith(block.name));
    assert.ok(outside.every(({ inputs }) => inputs.slice(1).every((param) => original.has(param))));
  });
});

test("a new norm begins as the identity that training finds in place", async () => {
  const { graph, params } = family.model(full);
  const tails = graph.nodes.filter((node) =>
    isBatchNorm(node) && !model.graph.nodes.some(({ name }) => name === node.name)
  );
  assert.is(tails.length, 3);
  for (const { inputs: [, gamma, beta, mean, variance] } of tails) {
    const [g, b, m, v] = [gamma, beta, mean, variance].map((name) => params.get(name)!.data);
    assert.equal(b, m);
    g.forEach((value, c) => assert.is(value, Math.fround(Math.sqrt(v[c] + 1e-5))));
    assert.ok(m.some((value) => Math.abs(value) > 1e-3), "no mean was measured");
  }
  // The mean and variance of what flows into each in evaluation, where the norms are identities.
  using tape = new Tape(gpu, "eval");
  const { normalization: { scale, mean: [centre], std: [spread] } } = data;
  const images = Float32Array.from(data.images, (value) => (value / scale - centre) / spread);
  const x = tape.own(Tensor.from(gpu, images, [data.count, ...data.shape]));
  const seen = new Map<string, Tensor>();
  const observe = new Map(
    tails.map(({ inputs: [value] }) => [value, (tensor: Tensor) => void seen.set(value, tensor)]),
  );
  const tensors = new Map(
    Array.from(params, ([name, { shape, data }]) => [name, tape.own(Tensor.from(gpu, data, shape))]),
  );
  execute(tape, graph, tensors, x, { observe });
  for (const { inputs: [value, , , mean, variance] } of tails) {
    const { shape: [, channels, ...plane] } = seen.get(value)!;
    const [numbers] = await readTensors([seen.get(value)!]);
    const size = plane.reduce((product, n) => product * n, 1);
    for (let c = 0; c < channels; c++) {
      const own = numbers.filter((_, i) => Math.floor(i / size) % channels === c);
      const average = own.reduce((sum, v) => sum + v, 0) / own.length;
      near(params.get(mean)!.data[c], average, 1e-5);
      near(params.get(variance)!.data[c], own.reduce((sum, v) => sum + (v - average) ** 2, 0) / own.length, 1e-4);
    }
  }
});

test("a step adds up the losses of the original, the most pruned network and two genes that its seed and number draw", async () => {
  const asked: Graph[] = [];
  const draws = async (seed: number, epochs: number) => {
    asked.length = 0;
    let first = NaN;
    const own = supernet({
      family,
      teacher: model,
      seed,
      loss: (graph) => (step) => {
        asked.push(graph);
        return crossEntropy({ graph })(step);
      },
    });
    const keep = log(({ epoch, loss }) => void (epoch === 1 && (first = Number(loss))));
    const images = epochs === 1 ? 16 : undefined;
    const { graphs, loss, callback } = own;
    await train({ ...setting, graphs, params: family.params, loss, epochs, images, callbacks: [callback, keep] });
    return { graphs: [...asked], loss: first };
  };
  const once = await draws(5, 1);
  assert.is(once.graphs.length, 4);
  assert.equal(once.graphs.slice(0, 2), [family.graph(full.map(() => "keep")), family.graph(full)]);
  let sum = 0;
  for (const graph of once.graphs) {
    const add = log(({ loss }) => void (sum += Number(loss)));
    await train({ ...setting, graphs: [graph], params: family.params, epochs: 1, images: 16, callbacks: [add] });
  }
  near(once.loss, sum, 1e-5);
  const namesOf = ({ graphs }: { graphs: readonly Graph[] }) => graphs.map(({ nodes }) => nodes.length);
  const whole = await draws(5, 2);
  assert.is(whole.graphs.length, 16);
  assert.equal(namesOf(await draws(5, 2)), namesOf(whole));
  assert.not.equal(namesOf(await draws(6, 2)), namesOf(whole));
  assert.ok(new Set(whole.graphs).size > 4, "the same genes in every step");
});

test("only the original network moves the norms' statistics, and every gene moves its own norms' weights", async () => {
  const { params } = await trainSupernet(family);
  const moved = (name: string) => !equalArrays(params.get(name)!.data, family.params.get(name)!.data);
  const [first] = blocks;
  const norm = model.graph.nodes.find((node) => isBatchNorm(node) && first.nodes.includes(node.name))!;
  const [, gamma, , mean] = norm.inputs;
  assert.ok(moved(mean));
  assert.ok(moved(gamma));
  assert.ok(moved(`${gamma}.pruned`));
  assert.not.ok(moved(`${mean}.pruned`));
});

test("stopped after any step and taken up again, a supernet's training ends in the same bits", async () => {
  const whole = await trainSupernet(family);
  for (const stop of [1, 3]) {
    let from: Snapshot | undefined;
    const keep = checkpoint((snapshot) => {
      from = { ...snapshot, cursor: JSON.parse(JSON.stringify(snapshot.cursor)) };
      return Promise.resolve();
    });
    try {
      await trainSupernet(family, { signal: abortedAt(stop) }, keep);
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    }
    assert.ok(from, `nothing was kept at step ${stop}`);
    const { params } = await trainSupernet(await familyOf(full), { from }, keep);
    assert.equal(flat(params), flat(whole.params), `stopped after step ${stop}`);
  }
});

test("however many genes have been drawn, no more memory is held than after the first steps", async () => {
  using own = await openGpu();
  const live: number[] = [];
  const pipelines: number[] = [];
  const watch: Callback = {
    name: "watch",
    beforeStep: () => void live.push(own.stats().liveBytes),
    afterBackward: () => void pipelines.push(own.stats().pipelines),
  };
  await trainSupernet(family, { gpu: own, epochs: 6 }, watch);
  assert.is(live.length, 12);
  assert.equal(new Set(live.slice(3)).size, 1, `${live}`);
  assert.is(pipelines.at(-1), pipelines[3], `${pipelines}`);
});

test("graphs are kept up to a limit, and those that were asked for last stay", () => {
  const net = createModel("resnet20", { width: 0.25, size: 4, inChannels: 1, classes: 3 });
  const found = findBlocks(net).blocks;
  assert.is(found.length, 9);
  const mixed = applyGene(
    { graph: net, params: initialise(net, 1) },
    { blocks: found, refused: [] },
    found.map(() => "skip"),
  );
  const mixNames = mixed.model.graph.nodes.filter(isMix).map(({ name }) => name);
  const large = geneFamily(
    mixed.model,
    found.map((block, b) => ({ block, form: "skip", mixes: mixNames.length === 9 ? [mixNames[b]] : [] })),
  );
  const geneOf = (number: number): Gene => found.map((_, b) => number >> b & 1 ? "skip" : "keep");
  const graphs = Array.from({ length: 129 }, (_, i) => large.graph(geneOf(i)));
  assert.is(large.graph(geneOf(128)), graphs[128]);
  assert.is(large.graph(geneOf(1)), graphs[1]);
  assert.is.not(large.graph(geneOf(0)), graphs[0]);
  assert.equal(large.graph(geneOf(0)), graphs[0]);
});

test("a gene is worth its accuracy after its norms have been measured anew, on 512 held-out images or on all", async () => {
  const on = { gpu, train: data, heldOut, batch: 16 };
  const gene: Gene = full.map((form, b) => b === 1 ? form : "keep");
  const own = family.model(gene);
  const settled = await recalibrate(gpu, own, data, 16, 20);
  assert.is(await evaluateGene(on, own, "full"), (await evaluateModel(gpu, settled, heldOut)).accuracy);
  const cheap = await evaluateGene(on, own, "cheap");
  assert.ok(Number.isInteger(cheap * 512), `${cheap}`);
  assert.not.ok(fidelitiesAgree(heldOut));
  assert.ok(fidelitiesAgree(data));
  assert.is(
    await evaluateGene({ ...on, heldOut: data }, own, "cheap"),
    await evaluateGene({ ...on, heldOut: data }, own, "full"),
  );
});

function equalArrays(a: Float32Array, b: Float32Array): boolean {
  return a.every((value, i) => value === b[i]);
}

function near(found: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(found - expected) <= tolerance * (1 + Math.abs(expected)), `${found}, expected ${expected}`);
}

test.run();
