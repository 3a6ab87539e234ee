/** How near budgets come to what they are asked for, by every criterion that looks at weights; the larger networks are for the night. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { COUPLED_GROUP, missOf, WEIGHT_CRITERIA, WITHIN } from "./budget_reach.ts";

const test = suite("budgets reach what is asked");

for (const criterion of WEIGHT_CRITERIA) {
  test(`ResNet-20 by ${criterion}, as near as its groups allow`, () => {
    const miss = missOf("resnet20", criterion, 0.5);
    // By lot the last to go may be one that all three stages share.
    const most = criterion === "random" ? COUPLED_GROUP : WITHIN;
    assert.ok(typeof miss === "number" && miss >= 0 && miss <= most, `${miss}`);
  });
}

test("a criterion that can't score a network says which layer and why", () => {
  assert.match(
    `${missOf("deit-micro", "bn-scale", 0.5)}`,
    /^criterion bn-scale can't score \S+: no batch norm follows it/,
  );
});

test("a budget below the smallest network says what is the least", () => {
  assert.match(
    `${missOf("resnet20", "l2", 1e-4)}`,
    /0\.0001 of the macs can't be reached, .* leave at least 0\.00\d+ of the/,
  );
});

test.run();
