import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { openJudges } from "./judges.ts";
import { climb, coverageOf, LIMIT, type PrunedClimb, worstOf } from "../ladder/ladder.ts";

const test = suite("equality ladder");
/** Of the first 400 networks a few that together hold every construct; `deno task nightly ladder` climbs with a thousand. */
const SEEDS = [53, 144, 217, 231, 264, 341, 354];
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
  for (const [construct, count] of coverageOf(climbs)) assert.ok(count >= 1, `none has ${construct}`);
  const shrunk = climbs.filter(({ shrunk }) => shrunk).length;
  assert.ok(shrunk >= 0.6 * SEEDS.length, `only ${shrunk} of ${SEEDS.length} lost a channel`);
});

test.run();
