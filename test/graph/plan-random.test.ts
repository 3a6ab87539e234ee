import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareOutputs, tolerance } from "../../src/graph/compare.ts";
import { runInterpreter, runPlan } from "../../src/graph/equivalence.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { randomInputs, randomModel } from "../generate/graphs.ts";
import { randomlyMasked } from "../generate/masks.ts";
import { testGpu } from "../gpu.ts";
import { drawn } from "../long.ts";

const test = suite("plan of random networks");

const GRAPHS = drawn({ suite: 16, nightly: 48 });
const BATCH = 2;

test(`masked = compact on the device, for ${GRAPHS} random graphs`, async () => {
  const gpu = await testGpu();
  let smaller = 0;
  for (let seed = 1; seed <= GRAPHS; seed++) {
    const masked = randomlyMasked(randomModel(seed), seed);
    const { model: small, report } = compact(masked);
    if (report.channels.after < report.channels.before) smaller++;
    const { input } = randomInputs(masked.graph, seed, BATCH);
    const expected = referenceForward(masked, { input }).get(masked.graph.outputs[0])!.data;
    const runs = {
      "plan, masked": await runPlan(gpu, masked, input.data, BATCH),
      "plan, compact": await runPlan(gpu, small, input.data, BATCH),
      "interpreter, compact": await runInterpreter(gpu, small, input.data, BATCH),
    };
    for (const [how, got] of Object.entries(runs)) {
      const { maxRel } = compareOutputs(expected, got);
      assert.ok(maxRel <= tolerance(masked.graph), `seed ${seed}, ${how}: off by ${maxRel}`);
    }
  }
  assert.ok(smaller > 0.6 * GRAPHS, `only ${smaller} of ${GRAPHS} lost a channel`);
});

test.run();
