import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mergedGraph } from "../../src/depth/merge/merge.ts";
import { planMerge } from "../../src/depth/merge/plan.ts";
import { affineRuns } from "../../src/depth/merge/runs.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { inferShapes } from "../../src/graph/infer.ts";
import { validateGraph } from "../../src/graph/validate.ts";
import { affineBlock } from "../generate/affine_blocks.ts";
import { testGpu } from "../gpu.ts";
import { LIMIT, worstOf } from "../ladder/ladder.ts";
import { climbDevice, mergedCoverage, plansOf, prepare } from "../ladder/merged_ladder.ts";
import { mergeError64 } from "./merged.ts";

const test = suite("random blocks, merged");

const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);
const ON_THE_DEVICE = 10;

test(`${SEEDS.length} blocks compute the same when they are merged, in float64`, () => {
  for (const seed of SEEDS) {
    const block = affineBlock(seed);
    const error = mergeError64(block.graph, plansOf(block, seed), seed);
    assert.ok(error < 1e-12, `seed ${seed}: ${error}`);
  }
});

test("a plan says what its graph will be: values at both ends, multiply-adds, numbers stored", () => {
  let planned = 0;
  for (const seed of SEEDS) {
    const { graph, input, output } = affineBlock(seed);
    for (const layers of ["fewest macs", "one"] as const) {
      const plan = planMerge(graph, { input, output }, { layers });
      if ("refused" in plan) continue;
      planned++;
      const merged = mergedGraph(graph, [plan]);
      validateGraph(merged);
      const [before, after] = [graph, merged].map(inferShapes);
      for (const value of [input, output]) assert.equal(after.get(value), before.get(value), `seed ${seed}`);
      const [old, made] = [graph, merged].map(graphCost);
      assert.is(made.macs - old.macs, plan.macs.after - plan.macs.before, `seed ${seed}`);
      const replaced = new Set(plan.layers.flatMap(({ nodes }) => nodes));
      const gone = graph.nodes.filter(({ name }) => replaced.has(name))
        .reduce((sum, { name }) => sum + old.nodes.get(name)!.params, 0);
      const stored = plan.layers.reduce((sum, { params }) => sum + params, 0);
      assert.is(made.params, old.params - gone + stored, `seed ${seed}`);
      if (layers === "fewest macs") assert.ok(plan.macs.after <= plan.macs.before, `seed ${seed}`);
    }
  }
  assert.ok(planned > SEEDS.length, `${planned}`);
});

test("what is merged already has nothing left to merge", () => {
  for (const seed of SEEDS.slice(0, 60)) {
    const { graph } = affineBlock(seed);
    const merged = mergedGraph(graph, affineRuns(graph));
    assert.is(graphCost(mergedGraph(merged, affineRuns(merged))).macs, graphCost(merged).macs, `seed ${seed}`);
  }
});

test(`${ON_THE_DEVICE} blocks: form = merged = compact = exported and read again, on the device`, async () => {
  const gpu = await testGpu();
  const ladders = SEEDS.slice(0, ON_THE_DEVICE).map(prepare);
  for (const ladder of ladders) await climbDevice(ladder, gpu);
  for (const [rung, { seed, gap }] of worstOf(ladders)) assert.ok(gap <= LIMIT, `seed ${seed}, ${rung}: off by ${gap}`);
});

test("they become all that merging can make of a block", () => {
  for (const [construct, count] of mergedCoverage(SEEDS.map(prepare))) {
    assert.ok(count >= SEEDS.length / 40, `only ${count} of ${SEEDS.length} have a ${construct}`);
  }
});

test.run();
