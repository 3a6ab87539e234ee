import { suite } from "uvu";
import * as assert from "uvu/assert";
import { bindingWindows, planAdam, planMask, planSgd, variants } from "../../kernels/optim/plan.ts";

const test = suite("optimizer planner");

test("binding windows cover the arena once, in whole blocks, within the binding limit", () => {
  for (const elements of [64, 128, 4096, 64 * 1013]) {
    for (const limit of [256, 300, 1024, 4096 * 3 + 5, 1 << 27]) {
      let next = 0;
      for (const { first, elements: n } of bindingWindows(elements, limit)) {
        assert.is(first, next);
        assert.is(n % 64, 0);
        assert.ok(n > 0 && n * 4 <= limit);
        next += n;
      }
      assert.is(next, elements);
    }
  }
  assert.throws(() => bindingWindows(64, 255), /holds no arena block/);
});

test("the grid reaches every vec4 and stays within 65,535 groups per dimension", () => {
  const sgd = { lr: 0.1, momentum: 0.9, form: "heavy-ball" } as const;
  for (const elements of [64, 256, 320, 1 << 24, 1 << 25, 64 * 1_600_033]) {
    for (const plan of [planSgd(sgd, [], { first: 0, elements }), planMask({ first: 0, elements })]) {
      assert.ok(plan.grid.every((n) => n >= 1 && n <= 65_535));
      const [row, count] = plan.uniforms;
      assert.is(row, plan.grid[0] * 64);
      assert.is(count, elements / 4);
      assert.ok(row * plan.grid[1] >= count);
    }
  }
});

test("step scalars are uniforms: they change without a new program", () => {
  const window = { first: 128, elements: 64 };
  const adam = (t: number, lr: number) =>
    planAdam({ lr, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: "coupled", t }, ["pull", "mask"], window);
  assert.equal(adam(1, 1e-3).program, adam(900, 1e-4).program);
  assert.not.equal(adam(1, 1e-3).uniforms, adam(2, 1e-3).uniforms);
  assert.is(adam(1, 1e-3).uniforms[2], 2);
});

test("19 distinct programs, none with more than 8 storage buffers", () => {
  const all = variants();
  assert.is(new Set(all.map((v) => `${v.name} ${JSON.stringify(v.constants)}`)).size, 19);
  assert.ok(all.every((v) => v.access.length <= 8));
});

test.run();
