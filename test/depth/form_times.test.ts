/** Forms by what they take on a device: a hand-written table decides what is offered, merged and priced. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { chooseBorders } from "../../src/depth/forms/borders.ts";
import { blockForms, formedNetworks } from "../../src/depth/forms/form_cost.ts";
import { settle } from "../../src/depth/forms/settle.ts";
import { applyGene } from "../../src/depth/forms/forms.ts";
import { mergeForms } from "../../src/depth/merge/merge_forms.ts";
import { formSpace } from "../../src/depth/search/form_space.ts";
import { buildLatencyTable } from "../../src/measure/latency/build.ts";
import { latencyEstimate } from "../../src/measure/latency/estimate.ts";
import { graphSteps } from "../../src/measure/latency/steps.ts";
import type { LatencyTable } from "../../src/measure/latency/types.ts";
import type { Graph } from "../../src/graph/types.ts";
import { randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { SMALL_BLOCKS } from "./small_blocks.ts";

const test = suite("times of forms");

const basic = SMALL_BLOCKS.basic();
const block = findBlocks(basic);
const REGIONS = /^5×5 convolution of 4×4, pads 2, 12 pixels by region$/;
const PLAIN = /^5×5 convolution of 4×4, pads 2$/;

/** Of the network and all of its forms: a kernel by region takes so many ms, a plain 5×5 so many, all other layers 3, the rest 1. */
function tableOf({ regions, plain }: { readonly regions: number; readonly plain: number }): LatencyTable {
  const graphs: Graph[] = [basic, ...formedNetworks(basic).map(({ graph }) => graph)];
  const layers = graphs.flatMap((graph) => graphSteps(graph).filter((step) => step.kind === "layer"));
  const shapes = new Map(layers.map((step) => [step.shape, step.name]));
  assert.ok([REGIONS, PLAIN].every((shape) => [...shapes.keys()].some((known) => shape.test(known))));
  const ms = (shape: string) => REGIONS.test(shape) ? regions : PLAIN.test(shape) ? plain : 3;
  return {
    model: basic.name,
    batch: 1,
    clock: "none",
    quantumMs: 0,
    wholeMs: 12,
    launchMs: 1,
    layers: [...shapes].map(([shape, name]) => {
      const row = [ms(shape), ms(shape)];
      return { shape, layers: [name], inputs: [1, 8], outputs: [1, 8], medianMs: [row, row] };
    }),
    rest: [],
  };
}

function offered(table: LatencyTable) {
  const [{ offered, refused }] = blockForms(basic, block, { table });
  return {
    identity: offered.find(({ form }) => form === "identity"),
    refused: refused.find(({ form }) => form === "identity")?.refused,
  };
}

test("two convolutions of 3 ms each become one 5×5 where that takes 4.5 ms with its tail, and stay two where it takes 9", () => {
  // The kernel by region, and one launch for the activation and the norm behind it.
  const fast = offered(tableOf({ regions: 3.5, plain: 3 }));
  assert.equal(fast.identity!.ms, { before: 6, after: 4.5 });
  assert.equal(fast.identity!.layers.map(({ kernel, border }) => [kernel, border]), [[[5, 5], "kernel"]]);
  const slow = offered(tableOf({ regions: 8, plain: 7 }));
  assert.is(slow.identity, undefined);
  assert.is(slow.refused, "merged it takes 1.50 times as long");
});

test("merged to whatever is fastest, the block is one convolution by region or two plain ones", () => {
  const model = { graph: basic, params: randomParams(basic, 1) };
  const mixed = applyGene(model, block, ["identity"]).model;
  const form = settle(mixed, "form");
  const ops = (table?: LatencyTable) => {
    const { rewrite } = mergeForms(form, block.blocks, ["identity"], { layers: "fastest", table });
    const { nodes } = rewrite.model.graph;
    return [nodes.filter(({ op }) => op === "RegionConv").length, nodes.filter(({ op }) => op === "Conv").length];
  };
  const before = basic.nodes.filter(({ op }) => op === "Conv").length;
  assert.equal(ops(tableOf({ regions: 3.5, plain: 3 })), [1, before - 2]);
  assert.equal(ops(tableOf({ regions: 8, plain: 7 })), [0, before]);
  assert.equal(ops(), [0, before]);
});

test("auto: by the table the padding moves where one plain kernel then takes less", () => {
  const chosen = (table: LatencyTable, layers: "one" | "fastest") =>
    chooseBorders(basic, block.blocks, ["identity"], { border: "auto", layers, table });
  assert.equal(chosen(tableOf({ regions: 4, plain: 3 }), "one"), ["move"]);
  assert.equal(chosen(tableOf({ regions: 3, plain: 4 }), "one"), ["exact"]);
  // Two convolutions of 3 ms are less than either 5×5, and the first of them takes no larger image then.
  assert.equal(chosen(tableOf({ regions: 9, plain: 8 }), "fastest"), ["exact"]);
});

test("a search in ms prices the form by what it will be merged to", () => {
  const table = tableOf({ regions: 3.5, plain: 2 });
  const costs = (merging: Parameters<typeof formSpace>[0]["merging"]) => {
    const { cost } = formSpace({
      model: { graph: basic, params: randomParams(basic, 1) },
      blocks: block.blocks,
      forms: ["identity"],
      unit: "ms",
      estimate: latencyEstimate(table),
      merging,
      all: true,
    });
    return (cost as { readonly blocks: readonly (readonly number[])[] }).blocks;
  };
  // Beside 6 ms: two layers and the tail's launch; the kernel by region and that; the plain kernel and that.
  assert.equal(costs(undefined), [[0, 1]]);
  assert.equal(costs({ layers: "fastest", table }), [[0, -1.5]]);
  assert.equal(costs({ layers: "fastest", table, border: "auto" }), [[0, -3]]);
});

test("a table that is built has kernels by region, and what else only merged networks run", async () => {
  for (const [graph, op] of [[SMALL_BLOCKS.basic(), "RegionConv"], [SMALL_BLOCKS.inverted(), "BorderBias"]] as const) {
    const [merged] = formedNetworks(graph).filter(({ graph }) => graph.nodes.some((node) => node.op === op));
    const model = { graph, params: randomParams(graph, 1) };
    const options = { name: graph.name, batch: 2, seconds: 0, also: [merged] };
    const table = await buildLatencyTable(await testGpu(), model, options);
    const steps = graphSteps(merged.graph);
    for (const step of steps) {
      if (step.kind === "layer") assert.ok(table.layers.some(({ shape }) => shape === step.shape), step.shape);
      else assert.ok(table.rest.some(({ op }) => op === step.op), step.op);
    }
    assert.ok(
      steps.some(({ name, kind }) => kind === (op === "RegionConv" ? "layer" : "rest") && isOf(merged.graph, name, op)),
    );
    assert.ok(latencyEstimate(table)(merged) > 0);
  }
});

function isOf({ nodes }: Graph, name: string, op: string): boolean {
  return nodes.some((node) => node.name === name && node.op === op);
}

test.run();
