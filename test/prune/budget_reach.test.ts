/** How near budgets come to what they are asked for; more criteria and networks are for the night (nightly/budgets.ts). */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { missOf, networkOf, WITHIN } from "./budget_reach.ts";

const test = suite("budgets reach what is asked");
const resnet = networkOf("resnet20");

for (
  const [criterion, cost] of [
    ["l2", "macs"],
    ["l2", "params"],
    ["l2", "ms"],
    ["random", "macs"],
    ["random", "params"],
    ["bn-scale", "macs"],
    ["fpgm", "macs"],
    ["synaptic-strength", "macs"],
  ] as const
) {
  test(`half of the ${cost} of a ResNet-20 by ${criterion}`, () => {
    const found = missOf(resnet, { criterion, cost, fraction: 0.5 });
    assert.ok(typeof found === "object", `${found}`);
    assert.ok(found.miss >= 0 && found.miss <= WITHIN, `${found.miss}`);
    assert.is(found.shortfall, undefined);
  });
}

test("a criterion that can't score a network says which layer and why", () => {
  assert.match(
    `${missOf(networkOf("deit-micro"), { criterion: "bn-scale", cost: "macs", fraction: 0.5 })}`,
    /^criterion bn-scale can't score \S+: no batch norm follows it/,
  );
});

test("a budget below the smallest network says what is the least", () => {
  assert.match(
    `${missOf(resnet, { criterion: "l2", cost: "macs", fraction: 1e-4 })}`,
    /0\.0001 of the macs can't be reached, .* leave at least 0\.00\d+ of the/,
  );
});

test.run();
