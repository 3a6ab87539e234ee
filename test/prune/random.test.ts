import { suite } from "uvu";
import * as assert from "uvu/assert";
import { gatherTensor, keptOrigins } from "../../src/graph/indexmap.ts";
import type { Model } from "../../src/graph/types.ts";
import { weigh } from "../../src/prune/groups/dependency_graph.ts";
import { compact, type CompactOptions } from "../../src/prune/rewrite/compact.ts";
import { constants } from "../../src/prune/rewrite/constant_propagation.ts";
import { borderNodes } from "../../src/prune/rewrite/layout.ts";
import { randomModel } from "../generate/graphs.ts";
import { randomlyMasked } from "../generate/masks.ts";
import { widened } from "../generate/widen.ts";
import { difference } from "./equal.ts";

const test = suite("compact = masked on random networks");

const GRAPHS = 400;
const OPTIONS: readonly CompactOptions[] = [{}, { border: "keep" }, { border: "table" }, { columns: false }];

test(`${GRAPHS} random networks and masks`, () => {
  const seen = { add: 0, concat: 0, depthwise: 0, constantAtPadding: 0, gate: 0, pixel: 0, table: 0, columns: 0 };
  let shrunk = 0;
  for (let seed = 0; seed < GRAPHS; seed++) {
    const masked = widened(randomlyMasked(randomModel(seed), seed));
    const options = OPTIONS[seed % OPTIONS.length];
    const small = compact(masked, options);
    const context = `seed ${seed}, ${JSON.stringify(options)}`;
    const gap = difference(masked, small.model, seed);
    assert.ok(gap <= 1e-9, `${context}: ${gap}`);
    assert.equal(compact(small.model, options).model.graph, small.model.graph, `${context}: not a fixpoint`);
    if (options.border !== "table") assert.ok(small.report.after.params <= small.report.before.params, context);

    const features = featuresOf(masked);
    for (const key of Object.keys(features) as (keyof typeof features)[]) seen[key] += Number(features[key]);
    if (small.report.tables > masked.graph.nodes.filter(({ op }) => op === "BorderBias").length) seen.table++;
    if (small.report.columnConvs > masked.graph.nodes.filter(({ op }) => op === "ColumnConv").length) seen.columns++;
    if (small.report.channels.after < small.report.channels.before) shrunk++;
  }
  for (const [feature, count] of Object.entries(seen)) assert.ok(count >= 10, `only ${count} networks had ${feature}`);
  assert.ok(shrunk >= 0.6 * GRAPHS, `only ${shrunk} of ${GRAPHS} lost a channel`);
});

test("in float32 folding rounds once", () => {
  for (let seed = 0; seed < 60; seed++) {
    const masked = randomlyMasked(randomModel(seed), seed);
    assert.ok(difference(masked, compact(masked).model, seed) <= 1e-5, `seed ${seed}`);
  }
});

test("index maps say where every number came from", () => {
  for (let seed = 0; seed < 150; seed++) {
    const masked = randomlyMasked(randomModel(seed), seed);
    const { model, map } = compact(masked);
    for (const [name, { source, keep }] of keptOrigins(map)) {
      const origin = gatherTensor(masked.params.get(source)!, keep);
      const made = model.params.get(name)!;
      assert.equal(origin.shape, made.shape, `${seed} ${name}`);
      // Folding changes biases, nothing else.
      const { op } = model.graph.nodes.find(({ inputs }) => inputs.includes(name))!;
      if (model.graph.params[name].role !== "bias" && op !== "Add") {
        assert.equal(origin.data, made.data, `${seed} ${name}`);
      }
    }
    for (const [name, { role }] of Object.entries(model.graph.params)) {
      // A ColumnConv that nothing reaches any more gets a column of zeros to stand on.
      const made = role === "table" || role === "bias" || model.params.get(name)!.data.every((w) => w === 0);
      assert.ok(map.has(name) || made, `${seed}: ${name} has no origin`);
    }
  }
});

function featuresOf({ graph, params }: Model) {
  const dependencies = weigh({ graph, params });
  const makers = new Map(graph.nodes.map((node) => [node.outputs[0], node.op]));
  return {
    add: graph.nodes.some(({ op }) => op === "Add"),
    concat: graph.nodes.some(({ op }) => op === "Concat"),
    depthwise: [...dependencies.layers.values()].some(({ group, channels }) => group > 1 && group === channels),
    constantAtPadding: borderNodes(dependencies, constants(dependencies)).length > 0,
    gate: graph.nodes.some(({ op, inputs }) => op === "Mul" && inputs.some((name) => makers.get(name) === "Sigmoid")),
    pixel: [...dependencies.layers.values()].some(({ reachable }) => reachable.includes(0)),
  };
}

test.run();
