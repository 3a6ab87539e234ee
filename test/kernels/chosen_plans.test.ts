import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UNTUNED } from "../../kernels/tuning.ts";
import { chosenPlans } from "./chosen_plans.ts";

const test = suite("chosen plans");
const FIXTURE = new URL("chosen_plans.txt", import.meta.url);

test("the planners choose, untuned, what they have always chosen on a software adapter and on a GPU", () => {
  const expected = Deno.readTextFileSync(FIXTURE).trimEnd().split("\n");
  const found = chosenPlans({ software: UNTUNED, gpu: { threads: 8192, features: ["f16", "subgroups"] } });
  assert.is(found.length, expected.length);
  const changed = found.flatMap((line, i) => line === expected[i] ? [] : [`${expected[i]}\n→ ${line}`]);
  assert.equal(changed, []);
});

test.run();
