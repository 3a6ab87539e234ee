import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { assertEquivalent } from "../../src/graph/equivalence.ts";
import { gatherTensor, keptOrigins } from "../../src/graph/indexmap.ts";
import { validateModel } from "../../src/graph/validate.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { scatterAdds, scatterCandidates } from "../../src/prune/rewrite/scatter_add.ts";
import { compactScattered, fastestScattered, isFaster, type Time } from "../../src/prune/rewrite/scatter_choice.ts";
import { randomInputs, randomModel } from "../generate/graphs.ts";
import { randomlyMasked } from "../generate/masks.ts";
import { widened } from "../generate/widen.ts";
import { testGpu } from "../gpu.ts";
import { difference } from "./equal.ts";
import { modelOf, ops, shapeOf, zeroRows } from "./models.ts";

const test = suite("scattered sums");

/** A residual block whose branch ends in a batch norm. */
function block(channels: number, size: number) {
  const b = builder("g", ["N", 3, size, size]);
  const s = b.relu(b.conv(b.input, { name: "stem", out: channels, kernel: 3, pad: 1 }));
  const y = b.relu(b.conv(s, { name: "c1", out: channels, kernel: 3, pad: 1 }));
  const z = b.batchNorm(b.conv(y, { name: "c2", out: channels, kernel: 3, pad: 1, bias: false }), { name: "n" });
  b.conv(b.relu(b.add(z, s, "sum")), { name: "out", out: 2, kernel: 1 });
  return b.graph();
}

const rows = (count: number) => Array.from({ length: count }, (_, i) => i);

test("the branch's dead filters go, its live β moves into a bias, the stream stays whole", () => {
  const masked = widened(zeroRows(modelOf(block(6, 5)), { "c2.weight": [0, 2, 3], "n.bias": [2] }));
  assert.equal(scatterCandidates(masked), [{ name: "sum", constant: 3, channels: 6 }]);
  const { model: scattered } = scatterAdds(masked, new Set(["sum"]));
  validateModel(scattered);
  const { model: small } = compact(scattered, { columns: false });
  assert.ok(difference(masked, small) < 1e-12);
  assert.is(shapeOf(small, "c2.weight"), "3x6x3x3");
  assert.is(shapeOf(small, "n.weight"), "3");
  assert.is(shapeOf(small, "stem.weight"), "6x3x3x3");
  assert.is(ops(small), "Conv Relu Conv Relu Conv BatchNormalization Pad Gather Add BorderBias Relu Conv");
  assert.is(shapeOf(compact(masked, { columns: false }).model, "c2.weight"), "6x6x3x3");
  assert.equal(compact(small, { columns: false }).model.graph, small.graph);
});

test("a sum without a constant channel, or with a branch that others read too, isn't scattered", () => {
  assert.equal(scatterCandidates(modelOf(block(4, 5))), []);
  const b = builder("g", ["N", 2, 4, 4]);
  const s = b.conv(b.input, { name: "s", out: 3, kernel: 1 });
  const t = b.conv(b.input, { name: "t", out: 3, kernel: 1 });
  b.conv(b.add(b.add(s, t), t), { name: "out", out: 2, kernel: 1 });
  const model = zeroRows(modelOf(b.graph()), { "t.weight": [0] });
  assert.equal(scatterCandidates(model), []);
});

test("random networks with every possible sum scattered compute the same, and maps say where numbers come from", () => {
  let scattered = 0;
  for (let seed = 0; seed < 250; seed++) {
    const masked = widened(randomlyMasked(randomModel(seed), seed));
    const names = scatterCandidates(masked).map(({ name }) => name);
    if (names.length === 0) continue;
    scattered++;
    const { model } = scatterAdds(masked, new Set(names));
    assert.ok(difference(masked, model, seed) <= 1e-12, `seed ${seed}`);
    const { model: small, map } = compact(model);
    assert.ok(difference(masked, small, seed) <= 1e-9, `seed ${seed}: ${difference(masked, small, seed)}`);
    for (const [name, { source, keep }] of keptOrigins(map)) {
      assert.equal(gatherTensor(model.params.get(source)!, keep).shape, small.params.get(name)!.shape);
    }
  }
  assert.ok(scattered >= 20, `only ${scattered}`);
});

test("a network is faster by more than both spreads: 8 ± 1 ms isn't faster than 10 ± 1 ms", () => {
  const time = (medianMs: number, madMs: number) => ({ medianMs, madMs });
  assert.is(isFaster(time(8, 1), time(10, 1)), false);
  assert.is(isFaster(time(7.5, 1), time(10, 1)), true);
  assert.is(isFaster(time(8, 0.5), time(10, 1)), true);
  assert.is(isFaster(time(8, 0.5), time(10, 2)), false);
});

/** What is chosen by these times in ms, of ± 0.1 ms each, and which networks were timed; the usual one has no name. */
async function choiceBy(ms: Readonly<Record<string, number>>, candidates: readonly string[]) {
  const timed: string[][] = [];
  const choice = await fastestScattered(candidates, (sets) => {
    timed.push(sets.map((names) => names.join("+")));
    return Promise.resolve(sets.map((names): Time => ({ medianMs: ms[names.join("+")], madMs: 0.1 })));
  });
  return { ...choice, timed };
}

test("the sums that are faster alone are scattered together where that is faster still", async () => {
  // By 0.15 ms b is within the spreads of 0.1 ms each.
  assert.equal(await choiceBy({ "": 10, a: 8, b: 9.85, c: 9, "a+c": 7 }, ["a", "b", "c"]), {
    chosen: ["a", "c"],
    usualMs: 10,
    chosenMs: 7,
    timed: [["", "a", "b", "c"], ["", "a+c"]],
  });
});

test("no sum is scattered where none is faster alone, or all that are aren't faster together", async () => {
  assert.equal(await choiceBy({ "": 10, a: 12, b: 9.85 }, ["a", "b"]), {
    chosen: [],
    usualMs: 10,
    chosenMs: 10,
    timed: [["", "a", "b"]],
  });
  assert.equal(await choiceBy({ "": 10, a: 9, b: 8, "a+b": 11 }, ["a", "b"]), {
    chosen: [],
    usualMs: 10,
    chosenMs: 10,
    timed: [["", "a", "b"], ["", "a+b"]],
  });
  assert.equal((await choiceBy({ "": 10 }, [])).timed, [[""]]);
});

test("what is chosen was faster on this device, and is equal", async () => {
  const gpu = await testGpu();
  const graph = block(32, 16);
  const masked = zeroRows(modelOf(graph), { "c2.weight": rows(28), "n.bias": rows(20) });
  const { model, chosen, usualMs, chosenMs } = await compactScattered(gpu, masked, { batch: 8, seconds: 0.05 });
  const { input } = randomInputs(graph, 1, 4);
  await assertEquivalent(gpu, masked, model, input.data, 4);
  assert.equal([[], ["sum"]].filter((names) => names.join() === chosen.join()).length, 1);
  assert.is(shapeOf(model, "c2.weight").startsWith("4"), chosen.length > 0);
  assert.equal((await compactScattered(gpu, modelOf(block(4, 5)), { batch: 1, seconds: 0.01 })).chosen, []);
  assert.ok(chosen.length === 0 ? chosenMs === usualMs : chosenMs < usualMs, `${chosenMs} against ${usualMs} ms`);
});

test.run();
