import { suite } from "uvu";
import * as assert from "uvu/assert";
import { amountAxis, type Axis, logAxis, percentAxis } from "../../src/report/charts/scale.ts";
import { shorten } from "../../src/report/charts/svg.ts";

const test = suite("report scale");

const labels = ({ ticks, format }: Axis) => ticks.map(format);

test("known axes", () => {
  assert.equal(labels(percentAxis([0.9778, 0.9833], 4)), ["98.0 %", "98.5 %"]);
  assert.equal(labels(percentAxis([0.1, 1], 6)), ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]);
  assert.equal(labels(amountAxis(64, 4)), ["0", "20", "40", "60"]);
  assert.equal(labels(logAxis([3_106, 38_282], 4)), ["5 k", "10 k", "20 k"]);
  assert.equal(labels(logAxis([51_872, 343_936], 4)), ["50 k", "100 k", "200 k"]);
  assert.equal(labels(logAxis([1e-9, 1e9], 4)), ["0.00001", "1", "100 k"]);
});

test("every axis holds its values, and between two ticks and a handful", () => {
  for (let exponent = -8; exponent < 12; exponent++) {
    for (const span of [1, 1.01, 1.5, 1.96, 3, 8, 12, 400, 1e5]) {
      const values = [1.3 * 10 ** exponent, 1.3 * 10 ** exponent * span];
      const axis = logAxis(values, 4);
      assert.ok(axis.domain[0] < values[0] && values[1] < axis.domain[1]);
      assert.ok(axis.ticks.length >= 2 && axis.ticks.length <= 4, `${values} has ${axis.ticks}`);
      assert.is(new Set(labels(axis)).size, axis.ticks.length, `${values} has ${labels(axis)}`);
    }
  }
  for (const values of [[0, 0], [1, 1], [0.5, 0.5], [0, 1], [0.98, 0.9801]]) {
    const axis = percentAxis(values, 4);
    assert.ok(axis.domain[0] <= values[0] && values[1] <= axis.domain[1]);
    assert.ok(axis.ticks.length >= 2 && axis.ticks.length <= 5, `${values} has ${axis.ticks}`);
    assert.is(new Set(labels(axis)).size, axis.ticks.length, `${values} has ${labels(axis)}`);
  }
});

test("long names keep their ends", () => {
  assert.is(shorten("conv1", 5), "conv1");
  assert.is(shorten("layer3.10.conv2.weight", 12), "layer…weight");
});

test.run();
