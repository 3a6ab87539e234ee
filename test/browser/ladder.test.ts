import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { openJudges } from "./judges.ts";
import { climb, coverageOf, LIMIT, type PrunedClimb, worstOf } from "../ladder/ladder.ts";

const test = suite("equality ladder");
/** Of the first 64 networks those that hold every construct twice; `deno task nightly ladder` climbs with a thousand. */
const SEEDS = [1, 5, 7, 9, 10, 13, 18, 19, 21, 25, 27, 28, 33, 35, 36, 39, 40, 48, 50, 54, 57, 58];
let climbs: PrunedClimb[];

test.before(async () => {
  prepareEnvironment();
  const gpu = await Gpu.open();
  const judges = await openJudges();
  try {
    climbs = await climb(SEEDS, { gpu, ...judges });
  } finally {
    await judges.close();
    gpu.close();
  }
});

test(`${SEEDS.length} random networks: masked = compact = folded = exported = read again = ONNX Runtime = in a browser`, () => {
  for (const [rung, { seed, gap }] of worstOf(climbs)) assert.ok(gap <= LIMIT, `seed ${seed}, ${rung}: off by ${gap}`);
});

test("they hold every construct, and most get smaller", () => {
  for (const [construct, count] of coverageOf(climbs)) assert.ok(count >= 2, `only ${count} have ${construct}`);
  const shrunk = climbs.filter(({ shrunk }) => shrunk).length;
  assert.ok(shrunk >= 0.6 * SEEDS.length, `only ${shrunk} of ${SEEDS.length} lost a channel`);
});

test.run();
