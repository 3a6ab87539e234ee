import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rhoSchedule } from "../../src/prune/methods/rho.ts";

const test = suite("rho schedule");

const base = { stepsPerUpdate: 20, lr: 0.02, momentum: 0.9 };

test("auto ends at 5/(lr_eff·S) and holds it for two periods", () => {
  const rhos = rhoSchedule({ ...base, updates: 9, final: "auto" });
  const last = 5 / (0.2 * 20);
  assert.is(rhos.length, 9);
  assert.ok(Math.abs(rhos[8] - last) < 1e-12);
  assert.is(rhos[7], rhos[8]);
});

test("rises by one factor from near a hundredth", () => {
  const rhos = rhoSchedule({ ...base, updates: 9, final: 1 });
  const factor = 100 ** (1 / 8);
  assert.ok(Math.abs(rhos[0] - 0.01 * factor) < 1e-12);
  for (let i = 1; i < 8; i++) assert.ok(Math.abs(rhos[i] / rhos[i - 1] - factor) < 1e-9);
});

test("one update uses the final value", () => {
  assert.equal(rhoSchedule({ ...base, updates: 1, final: 0.3 }), [0.3]);
});

test.run();
