import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rhoBySupport, rhoSchedule } from "../../src/prune/methods/rho.ts";

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

test("by support: faster the more has changed, at the end as soon as nothing has, and for the last two periods", () => {
  // From 1 to 1000 in three steps of 10.
  const rhos = [1, 10, 100, 1000, 1000];
  const next = (period: number, rho: number, change: number) => rhoBySupport(rhos, period, rho, change);
  for (
    const [period, rho, change, expected] of [
      [0, 1, 0.2, 10 ** 1.5],
      [0, 1, 0.1, 10],
      [1, 10, 0.006, 100],
      [1, 10, 0.005, 10 * 10 ** 0.5],
      [0, 1, 0, 1000],
      [1, 400, 0.2, 1000],
      [2, 20, 0.2, 1000],
      [4, 1000, 0.2, 1000],
    ]
  ) {
    assert.ok(
      Math.abs(next(period, rho, change) - expected) < 1e-9 * expected,
      `${period}, ${rho}, ${change}: ${next(period, rho, change)}`,
    );
  }
  assert.is(rhoBySupport([0.3], 0, 0.3, 0.5), 0.3);
});

test.run();
