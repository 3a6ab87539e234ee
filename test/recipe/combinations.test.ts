/** Every criterion with every structure, budget and schedule: each pair of settings in a run that ends in a proved compact network. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createModel } from "../../src/models/zoo.ts";
import { drawn } from "../long.ts";
import { combinations, refusedPairs, stagesOf } from "./combinations.ts";
import { pairwise } from "./pairwise.ts";
import { threeBlocks, trainedBlocks } from "./tiny.ts";

const test = suite("combinations");
const graph = createModel("resnet8", { width: threeBlocks.model.width, size: 8, inChannels: 1 });

test("rows hold every pair of values, and none that isn't allowed", () => {
  const settings = { a: ["1", "2", "3"], b: ["x", "y"], c: ["p", "q"] };
  const without = (x: readonly string[], y: readonly string[]) => ![x, y].every((one) => ["2", "y"].includes(one[1]));
  const rows = pairwise(settings, without);
  const held = new Set(rows.flatMap(({ a, b, c }) => [a + b, a + c, b + c]));
  // 3·2 + 3·2 + 2·2 pairs, but for 2 with y; 6 rows at least hold the pairs of a with c.
  assert.equal([...held].sort(), [
    "1p",
    "1q",
    "1x",
    "1y",
    "2p",
    "2q",
    "2x",
    "3p",
    "3q",
    "3x",
    "3y",
    "xp",
    "xq",
    "yp",
    "yq",
  ]);
  assert.ok(rows.length >= 6 && rows.length <= 8, `${rows.length} rows`);
});

test("what a criterion can't score is refused by both names, with the reason", () => {
  const refused = refusedPairs(graph);
  for (const { criterion, structure, message } of refused) {
    assert.ok(message.startsWith(`criterion ${criterion} can't score `), message);
    assert.match(message, new RegExp(`^[^:]*:${structure}: .{20}`));
  }
  const known = new Set(refused.map(({ criterion, structure }) => `${criterion} ${structure}`));
  for (const pair of ["fpgm weight", "bn-scale kernel", "flap column"]) assert.ok(known.has(pair), pair);
  for (const pair of ["l2 weight", "wanda column", "taylor n:m", "random layer"]) assert.not.ok(known.has(pair), pair);
});

test("each row's network is smaller, and proved equal to the masked one", async () => {
  const { onWeights } = await trainedBlocks();
  const rows = combinations(graph);
  // In the nightly all of them.
  const every = drawn({ suite: 50, nightly: 1 });
  for (const row of rows.filter((_, i) => i % every === every - 1)) {
    const name = Object.values(row).join(", ");
    const { report: { equivalence, final, baseline } } = await onWeights(stagesOf(row)).catch((error) => {
      throw new Error(`${name}: ${error.message}`);
    });
    assert.ok(!("notProved" in equivalence) && equivalence.inputs > 0 && equivalence.maxRel <= 1e-5, name);
    assert.ok(final.nonzero < baseline.nonzero && final.params <= baseline.params, name);
  }
});

test.run();
