import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Builder, builder } from "../../src/graph/build.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Model } from "../../src/graph/types.ts";
import { weigh } from "../../src/prune/groups/dependency_graph.ts";
import { constants } from "../../src/prune/rewrite/constant_propagation.ts";
import { elements } from "../../src/tensor/tensor.ts";
import { dice } from "../generate/dice.ts";
import { randomInputs, randomModel } from "../generate/graphs.ts";
import { randomlyMasked } from "../generate/masks.ts";
import { widened } from "../generate/widen.ts";
import { modelOf, zeroRows } from "./models.ts";

const test = suite("constants");

/** What is known of each channel of a value. */
function factsOf(model: Model, value: string): (number | undefined)[] {
  const dependencies = weigh(model);
  const known = constants(dependencies);
  const base = dependencies.channels.base(value);
  return Array.from({ length: dependencies.channels.width(value) }, (_, j) => known.valueOf(base + j));
}

/** A convolution whose filter 0 is constant with the given value and filter 1 varies, and what `rest` puts behind it. */
function behindConstant(
  value: number,
  rest: (b: Builder, x: string) => string,
  values: Record<string, readonly number[]> = {},
): (number | undefined)[] {
  const b = builder("g", ["N", 2, 5, 5]);
  const x = b.conv(b.input, { name: "c", out: 2, kernel: 1 });
  const y = rest(b, x);
  const model = zeroRows(modelOf(b.graph([y]), { "c.bias": [value, 0.3], ...values }), { "c.weight": [0] });
  return factsOf(model, y);
}

const near = (actual: number | undefined, expected: number) =>
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-7, `${actual} is not ${expected}`);

test("a filter of zeros makes its bias", () => {
  assert.equal(behindConstant(0.5, (_, x) => x), [0.5, undefined]);
});

test("batch norm maps a constant, and γ = 0 makes β of anything", () => {
  const bn = (gamma: number[]) =>
    behindConstant(0.5, (b, x) => b.batchNorm(x, { name: "n", epsilon: 0 }), {
      "n.weight": gamma,
      "n.bias": [0.25, 0.75],
      "n.running_mean": [0.1, 0.1],
      "n.running_var": [4, 4],
    });
  near(bn([2, 2])[0], 2 * (0.5 - 0.1) / 2 + 0.25);
  assert.is(bn([2, 2])[1], undefined);
  assert.equal(bn([0, 0]), [0.25, 0.75]);
});

test("activations map a constant by their function", () => {
  near(behindConstant(0, (b, x) => b.sigmoid(x))[0], 0.5);
  near(behindConstant(-1, (b, x) => b.relu(x))[0], 0);
  near(behindConstant(0.3, (b, x) => b.node("Resize", [x], { mode: "linear", sizes: [8, 3] }))[0], 0.3);
  near(behindConstant(-1, (b, x) => b.node("ReduceMax", [x], { axes: [2, 3] }))[0], -1);
  near(behindConstant(0.5, (b, x) => b.node("ReduceSum", [x], { axes: [2, 3] }))[0], 12.5);
  near(behindConstant(0.5, (b, x) => b.node("ReduceSum", [x], { axes: [3] }))[0], 2.5);
  near(behindConstant(-1, (b, x) => b.node("Abs", [x]))[0], 1);
  near(behindConstant(0, (b, x) => b.node("Softplus", [x]))[0], Math.log(2));
  near(behindConstant(Math.log(3), (b, x) => b.node("Mish", [x]))[0], Math.log(3) * 15 / 17);
  near(behindConstant(-Math.log(2), (b, x) => b.node("Elu", [x]))[0], -0.5);
  near(behindConstant(7, (b, x) => b.relu6(x))[0], 6);
  near(behindConstant(1, (b, x) => b.gelu(x))[0], 0.8413447460685429);
  near(behindConstant(0.5, (b, x) => b.tanh(x))[0], Math.tanh(0.5));
});

test("padding makes a constant depend on the position unless it is 0", () => {
  const conv = (value: number, pad: number) =>
    behindConstant(value, (b, x) =>
      b.conv(b.slice(x, { axes: [1], starts: [0], ends: [1] }), {
        name: "d",
        out: 1,
        kernel: 3,
        pad,
      }), { "d.bias": [0.125], "d.weight": [1, 2, 3, 4, 5, 6, 7, 8, 9] })[0];
  near(conv(0, 1), 0.125);
  near(conv(0.5, 0), 0.125 + 0.5 * 45);
  assert.is(conv(0.5, 1), undefined);
});

test("padding doesn't show where only the centre tap is left, nor on a 1×1 map", () => {
  const centre = { "d.bias": [0], "d.weight": [0, 0, 0, 0, 3, 0, 0, 0, 0] };
  const pick = (b: Builder, x: string) => b.slice(x, { axes: [1], starts: [0], ends: [1] });
  const conv = (b: Builder, x: string) => b.conv(pick(b, x), { name: "d", out: 1, kernel: 3, pad: 1 });
  near(behindConstant(0.5, conv, centre)[0], 1.5);
  const pooled = behindConstant(0.5, (b, x) => conv(b, b.globalAveragePool(x)), {
    "d.bias": [0],
    "d.weight": [1, 2, 3, 4, 5, 6, 7, 8, 9],
  });
  near(pooled[0], 2.5);
});

test("pooling keeps a constant unless it counts a padding that only some windows see", () => {
  near(behindConstant(0.5, (b, x) => b.maxPool(x, { kernel: 3, pad: 1 }))[0], 0.5);
  near(behindConstant(0.5, (b, x) => b.averagePool(x, { kernel: 3, pad: 1 }))[0], 0.5);
  near(behindConstant(0.5, (b, x) => b.averagePool(x, { kernel: 2, countIncludePad: true }))[0], 0.5);
  const counted = (value: number) =>
    behindConstant(value, (b, x) => b.averagePool(x, { kernel: 3, stride: 1, pad: 1, countIncludePad: true }))[0];
  assert.is(counted(0.5), undefined);
  near(counted(0), 0);
  near(behindConstant(0.5, (b, x) => b.globalAveragePool(x))[0], 0.5);
});

test("where all windows see as much of the image, counting the padding scales a constant by that share", () => {
  // On 2×2 pixels each window of 3 rows and 2 columns, with a row of padding on both sides, sees 2 of 3 rows.
  const shares = (kernel: readonly [number, number], pad: readonly [number, number, number, number]) =>
    behindConstant(0.9, (b, x) => {
      const small = b.slice(x, { axes: [2, 3], starts: [0, 0], ends: [2, 2] });
      return b.averagePool(small, { kernel, stride: 1, pad, countIncludePad: true });
    })[0];
  near(shares([3, 2], [1, 0, 1, 0]), 0.9 * 2 / 3);
  near(shares([2, 3], [0, 1, 0, 1]), 0.9 * 2 / 3);
  near(shares([3, 3], [1, 1, 1, 1]), 0.9 * 4 / 9);
  assert.is(shares([2, 2], [1, 0, 1, 0]), undefined);
});

test("slopes that stand along the tokens keep a constant of all features only where it isn't negative", () => {
  const slopes = Array.from({ length: 25 }, (_, i) => 0.1 * i);
  const sloped = (value: number, numbers = slopes) =>
    behindConstant(value, (b, x) => {
      const tokens = b.transpose(b.reshape(x, [2, 25]), [0, 2, 1]);
      return b.prelu(tokens, { name: "p" });
    }, { "p.weight": numbers })[0];
  assert.is(sloped(0.5), 0.5);
  assert.is(sloped(0), 0);
  assert.is(sloped(-0.5), undefined);
  near(sloped(-0.5, slopes.map(() => 0.5)), -0.25);
  near(behindConstant(-0.5, (b, x) => b.prelu(x, { name: "p" }), { "p.weight": [0.5, 3] })[0], -0.25);
});

test("a sum is constant if both operands are, and a product is 0 if one of them is", () => {
  assert.equal(behindConstant(0.5, (b, x) => b.add(x, x)), [1, undefined]);
  assert.equal(behindConstant(0, (b, x) => b.mul(b.relu(x), b.conv(b.input, { name: "e", out: 2, kernel: 1 }))), [
    0,
    undefined,
  ]);
  assert.equal(behindConstant(0.5, (b, x) => b.mul(x, b.conv(b.input, { name: "e", out: 2, kernel: 1 }))), [
    undefined,
    undefined,
  ]);
  assert.equal(behindConstant(0.5, (b, x) => b.add(x, b.param("s", [2], "bias")), { s: [2, 3] }), [2.5, undefined]);
});

test("channels move through Concat, Slice, Pad, Gather, Flatten and Reshape", () => {
  assert.equal(behindConstant(0.5, (b, x) => b.concat([b.input, x])), [undefined, undefined, 0.5, undefined]);
  assert.equal(
    behindConstant(0.5, (b, x) => b.concat([b.param("p", [1, 1, 5, 5], "table"), x]), { p: new Array(25).fill(7) })
      .slice(1),
    [0.5, undefined],
  );
  assert.equal(behindConstant(0.5, (b, x) => b.pad(x, [0, 1, 0, 0], [0, 1, 0, 0])), [0, 0.5, undefined, 0]);
  assert.equal(behindConstant(0.5, (b, x) => b.pad(x, [0, 0, 1, 0], [0, 0, 0, 0])), [undefined, undefined]);
  assert.equal(behindConstant(0, (b, x) => b.pad(x, [0, 0, 1, 0], [0, 0, 0, 0])), [0, undefined]);
  assert.equal(behindConstant(0.5, (b, x) => b.gather(x, [1, 0, 0])), [undefined, 0.5, 0.5]);
  const flat = behindConstant(0.5, (b, x) => b.flatten(x));
  assert.equal(flat.slice(0, 25), new Array(25).fill(0.5));
  assert.is(flat[25], undefined);
  assert.equal(behindConstant(0.5, (b, x) => b.reshape(b.flatten(x), [2, 25, 1])), [0.5, undefined]);
  assert.equal(behindConstant(0.5, (b, x) => b.reshape(x, [1, 2, 25])), [0.5, undefined]);
  assert.equal(behindConstant(0.5, (b, x) => b.transpose(b.reshape(x, [2, 25]), [0, 2, 1])), [0.5, undefined]);
});

test("a border table keeps a constant only if its row is one number", () => {
  const table = (values: number[]) =>
    behindConstant(0.5, (b, x) => b.borderBias(x, { name: "t", rows: [0, 1, 1, 1, 0], cols: [0, 0, 0, 0, 0] }), {
      "t.table": values,
    })[0];
  assert.is(table([2, 2, 1, 5]), 2.5);
  assert.is(table([2, 3, 1, 5]), undefined);
  // Of two constant channels the second one's row, behind the first one's 1 and 5, is 2 throughout.
  const b = builder("g", ["N", 1, 5, 5]);
  const x = b.conv(b.input, { name: "c", out: 2, kernel: 1 });
  const y = b.borderBias(x, { name: "t", rows: [0, 1, 1, 1, 0], cols: [0, 0, 0, 0, 0] });
  b.conv(y, { name: "out", out: 1, kernel: 1 });
  const model = modelOf(b.graph(), { "c.weight": [0, 0], "c.bias": [0.5, 0.25], "t.table": [1, 5, 2, 2] });
  assert.equal(factsOf(model, y), [undefined, 2.25]);
});

test("what is called constant is constant, on random networks; the visiting order doesn't matter", () => {
  let claims = 0;
  for (let seed = 0; seed < 120; seed++) {
    const model = widened(randomlyMasked(randomModel(seed), seed));
    const dependencies = weigh(model);
    const { channels, graph } = dependencies;
    const known = constants(dependencies);
    const d = dice(seed, "order");
    const keyed = graph.nodes.map((_, i) => ({ i, key: d.uniform(0, 1) }));
    const order = keyed.sort((a, b) => a.key - b.key).map(({ i }) => i);
    const shuffled = constants(dependencies, { order });
    const values = referenceForward(model, randomInputs(graph, seed));
    for (const name of channels.values) {
      // What an anchor makes stands in no model.
      if (!values.has(name)) continue;
      const { shape, data } = values.get(name)!;
      const axis = channels.axis(name);
      const inner = elements(shape.slice(axis + 1));
      for (let j = 0; j < shape[axis]; j++) {
        const claim = known.valueOf(channels.base(name) + j);
        assert.is(shuffled.valueOf(channels.base(name) + j), claim);
        if (claim === undefined) continue;
        claims++;
        for (let i = 0; i < data.length; i++) {
          if (Math.floor(i / inner) % shape[axis] !== j) continue;
          assert.ok(Math.abs(data[i] - claim) < 1e-12 * (1 + Math.abs(claim)), `${seed} ${name} ${j}`);
        }
      }
    }
  }
  assert.ok(claims > 500, `only ${claims} constants in all`);
});

test.run();
