import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PROFILES } from "../../kernels/device_profile.ts";
import { UNTUNED } from "../../kernels/tuning.ts";
import type { Feature } from "../../src/gpu/types.ts";
import { CASES, chosenPlans } from "./chosen_plans.ts";
import { checkLaunch } from "./launches.ts";

const test = suite("chosen plans");
const FIXTURE = new URL("chosen_plans.txt", import.meta.url);
const FEATURES: readonly Feature[] = ["f16", "subgroups"];
const OPERANDS = [
  ...["x", "w", "y", "dx", "dy", "bias", "residual", "values", "a", "b"],
  ...["q", "k", "v", "lse", "dq", "dk", "dv"],
];

// The fixture was made by the planners that had the software adapter's numbers in them, and penalties for GPUs. A line changes
// where a profile or a formula was changed on purpose: then the new lines belong into the file.
test("untuned plans on a software adapter and on a desktop GPU are those of the fixture", () => {
  const expected = Deno.readTextFileSync(FIXTURE).trimEnd().split("\n");
  const found = chosenPlans({ software: UNTUNED, desktop: { profile: PROFILES.desktop, features: FEATURES } });
  assert.is(found.length, expected.length);
  const changed = found.flatMap((line, i) => line === expected[i] ? [] : [`${expected[i]}\n→ ${line}`]);
  assert.equal(changed, []);
});

test("every way under every profile stays within every device's limits and binds only what it has", () => {
  for (const profile of Object.values(PROFILES)) {
    for (const { candidates } of CASES) {
      for (const { cost, build } of candidates({ profile, features: FEATURES })) {
        assert.ok(Number.isFinite(cost) && cost >= 0, `${profile.name}: an estimate of ${cost}`);
        const launch = build();
        checkLaunch(launch, OPERANDS);
        if (launch.prepare) checkLaunch(launch, OPERANDS, launch.prepare);
      }
    }
  }
});

test.run();
