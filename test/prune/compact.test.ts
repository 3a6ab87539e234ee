import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Builder, builder } from "../../src/graph/build.ts";
import { applyIndexMap } from "../../src/graph/indexmap.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { compact, type CompactOptions } from "../../src/prune/rewrite/compact.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { maskModel, masksOf } from "../../src/prune/structures/masks.ts";
import { topGroups } from "../../src/prune/structures/selection.ts";
import { widened } from "../generate/widen.ts";
import { difference } from "./equal.ts";
import { energiesOf, modelOf, ops, shapeOf, zeroColumns, zeroRows } from "./models.ts";

const test = suite("compact");

/** Compacts in float64 and checks that nothing changed. */
function shrink(model: Model, options?: CompactOptions) {
  const wide = widened(model);
  const small = compact(wide, options);
  const gap = difference(wide, small.model);
  assert.ok(gap < 1e-12, `differs by ${gap}`);
  return small;
}

function graphOf(make: (b: Builder) => unknown, channels = 2, size = 6): Graph {
  const b = builder("g", ["N", channels, size, size]);
  make(b);
  return b.graph();
}

const twoConvs = (pad: number) =>
  graphOf((b) => {
    const x = b.relu(b.conv(b.input, { name: "a", out: 4, kernel: 3 }));
    b.conv(x, { name: "b", out: 3, kernel: 3, pad });
  });

test("deleting filter j deletes channel j of the next layer", () => {
  const model = zeroRows(modelOf(twoConvs(1)), { "a.weight": [1, 2], "a.bias": [1, 2] });
  const { model: small, map, report } = shrink(model);
  assert.is(shapeOf(small, "a.weight"), "2x2x3x3");
  assert.is(shapeOf(small, "b.weight"), "3x2x3x3");
  assert.equal(map.get("b.weight"), { source: "b.weight", keep: [null, [0, 3], null, null] });
  assert.equal(map.get("a.bias"), { source: "a.bias", keep: [[0, 3]] });
  assert.equal(report.layers, [
    { name: "a", before: { filters: 4, columns: 18 }, after: { filters: 2, columns: 18 } },
    { name: "b", before: { filters: 3, columns: 36 }, after: { filters: 3, columns: 18 } },
  ]);
  assert.equal(report.channels, { before: 2 + 4 + 4 + 3, after: 2 + 2 + 2 + 3 });
  assert.equal(applyIndexMap(map, model.params).tensors.get("a.weight"), {
    shape: [2, 2, 3, 3],
    data: Float32Array.from([0, 3].flatMap((f) => [...model.params.get("a.weight")!.data.slice(f * 18, f * 18 + 18)])),
  });
});

test("deleting a channel deletes the filter that made it", () => {
  const dead = Array.from({ length: 18 }, (_, i) => 9 + i);
  const { model } = shrink(zeroColumns(modelOf(twoConvs(1)), { "b.weight": dead }));
  assert.is(shapeOf(model, "a.weight"), "2x2x3x3");
  assert.is(shapeOf(model, "b.weight"), "3x2x3x3");
});

test("where nothing can be removed the graph comes back as it was", () => {
  const model = modelOf(twoConvs(1));
  const { model: same, report } = compact(model);
  assert.is(same, model);
  assert.is(report.passes, 0);
});

test("what a removed filter still makes, relu(bias), moves into the next bias where no padding shows", () => {
  const model = zeroRows(modelOf(twoConvs(0), { "a.bias": [1, 0.5, -1, 2] }), { "a.weight": [1, 2] });
  const { model: small, report } = shrink(model);
  assert.is(shapeOf(small, "a.weight"), "2x2x3x3");
  assert.is(report.tables, 0);
  assert.is.not(small.params.get("b.bias")!.data[0], model.params.get("b.bias")!.data[0]);
});

test("a layer without a bias gets one for a folded constant", () => {
  const graph = graphOf((b) => {
    const x = b.sigmoid(b.conv(b.input, { name: "a", out: 3, kernel: 1, bias: false }));
    b.conv(x, { name: "b", out: 2, kernel: 1, bias: false });
  });
  const model = zeroRows(modelOf(graph), { "a.weight": [0] });
  const { model: small, map } = shrink(model);
  assert.is(shapeOf(small, "b.bias"), "2");
  assert.not(map.has("b.bias"));
  const [w] = model.params.get("b.weight")!.data;
  assert.ok(Math.abs(small.params.get("b.bias")!.data[0] - 0.5 * w) < 1e-12);
});

test("before a zero-padded convolution a constant becomes a table of biases per border region, or its channel stays", () => {
  const model = zeroRows(modelOf(twoConvs(1), { "a.bias": [1, 0.5, -1, 2] }), { "a.weight": [1] });
  const table = shrink(model, { border: "table" });
  assert.is(ops(table.model), "Conv Relu Conv BorderBias");
  assert.is(shapeOf(table.model, "b.table"), "3x3x3");
  assert.is(shapeOf(table.model, "b.bias"), "gone");
  assert.is(shapeOf(table.model, "a.weight"), "3x2x3x3");
  const keep = shrink(model, { border: "keep" });
  assert.is(ops(keep.model), "Conv Relu Conv");
  assert.is(shapeOf(keep.model, "a.weight"), "4x2x3x3");
  // The table costs 3·9 − 3 numbers and saves 2·9 + 1 + 3·9.
  assert.equal(shrink(model).model.graph, table.model.graph);
});

test("the cheaper of table and channel is chosen for each convolution", () => {
  const graph = graphOf((b) => {
    const x = b.relu(b.conv(b.input, { name: "a", out: 2, kernel: 1, bias: true }));
    b.conv(x, { name: "b", out: 8, kernel: [1, 2], pad: [0, 1, 0, 1] });
  });
  // The table has 8·3 numbers instead of 8 biases, the channel 2 + 1 + 8·2.
  const first = zeroRows(modelOf(graph, { "a.bias": [1, 1] }), { "a.weight": [0] });
  assert.is(ops(shrink(first).model), "Conv Relu Conv BorderBias");
  const wide = graphOf((b) => {
    const x = b.relu(b.conv(b.input, { name: "a", out: 2, kernel: 1 }));
    b.conv(x, { name: "b", out: 8, kernel: [1, 5], pad: [0, 4, 0, 4] });
  });
  // 8·10 instead of 8, against 3 + 8·5.
  const second = zeroRows(modelOf(wide, { "a.bias": [1, 1] }), { "a.weight": [0] });
  assert.is(ops(shrink(second, { columns: false }).model), "Conv Relu Conv");
});

test("border tables: strides, dilations, kernels larger than the image, 1×1 maps", () => {
  const cases = [
    [6, { kernel: 3, pad: 1, stride: 2 }, "2x2x2"],
    [6, { kernel: 5, pad: 2 }, "2x5x5"],
    [2, { kernel: 5, pad: 2 }, "2x2x2"],
    [6, { kernel: 3, pad: 2, dilation: 2 }, "2x3x3"],
    [6, { kernel: 3, pad: [1, 0, 0, 2] }, "2x2x3"],
    [1, { kernel: 3, pad: 1 }, "gone"],
  ] as const;
  for (const [size, options, shape] of cases) {
    const graph = graphOf(
      (b) => {
        const x = b.sigmoid(b.conv(b.input, { name: "a", out: 3, kernel: 1 }));
        b.conv(x, { name: "b", out: 2, ...options });
      },
      2,
      size,
    );
    const model = zeroRows(modelOf(graph), { "a.weight": [2] });
    const { model: small } = shrink(model, { border: "table", columns: false });
    assert.is(shapeOf(small, "b.table"), shape, JSON.stringify(options));
    assert.is(shapeOf(small, "a.weight"), "2x2x1x1");
  }
});

test("all-zero columns go by ColumnConv, in a Gemm too", () => {
  const graph = graphOf((b) => {
    const x = b.maxPool(b.relu(b.conv(b.input, { name: "a", out: 3, kernel: 3, stride: 1 })), { kernel: 2 });
    b.gemm(b.flatten(x), { name: "f", out: 4 });
  });
  const model = zeroColumns(modelOf(graph), { "a.weight": [0, 4, 17], "f.weight": [1, 2, 3, 4, 5] });
  const { model: small, map, report } = shrink(model);
  assert.is(ops(small), "ColumnConv Relu MaxPool Flatten ColumnConv");
  assert.is(shapeOf(small, "a.weight"), "3x15");
  assert.is(shapeOf(small, "f.weight"), "4x7");
  assert.equal(map.get("f.weight"), { source: "f.weight", keep: [null, [0, 6, 7, 8, 9, 10, 11]] });
  assert.is(report.columnConvs, 2);
  // The index data counts in bytes only.
  assert.is(report.after.bytes, 4 * (report.after.params + 15 + 7));
  const dense = shrink(model, { columns: false });
  assert.is(ops(dense.model), ops(model));
});

test("columns and channels together keep the taps in terms of the kept channels", () => {
  const columns = [0, ...Array.from({ length: 9 }, (_, i) => 9 + i), 20];
  const { model } = shrink(zeroColumns(modelOf(twoConvs(1)), { "b.weight": columns }));
  assert.is(shapeOf(model, "a.weight"), "3x2x3x3");
  const conv = model.graph.nodes.find(({ name }) => name === "b")!;
  const taps = Array.from({ length: 27 }, (_, i) => i).filter((i) => i !== 0 && i !== 11);
  assert.equal(conv.attrs.taps, taps);
});

test("a residual channel goes only if all who make it agree", () => {
  const graph = graphOf((b) => {
    const s = b.relu(b.conv(b.input, { name: "stem", out: 3, kernel: 3, pad: 1 }));
    const y = b.conv(s, { name: "c", out: 3, kernel: 3, pad: 1 });
    b.conv(b.relu(b.add(y, s)), { name: "out", out: 2, kernel: 1 });
  });
  const base = modelOf(graph, { "stem.bias": [0, 0, 0], "c.bias": [0, 0, 0] });
  const one = shrink(zeroRows(base, { "c.weight": [1] }), { columns: false });
  assert.is(shapeOf(one.model, "c.weight"), "3x3x3x3");
  const both = shrink(zeroRows(base, { "c.weight": [1], "stem.weight": [1] }));
  assert.is(shapeOf(both.model, "c.weight"), "2x2x3x3");
  assert.is(shapeOf(both.model, "out.weight"), "2x2x1x1");
});

test("a dead branch: the sum becomes its other operand, plus a bias if the branch was constant", () => {
  const graph = graphOf((b) => {
    const s = b.relu(b.conv(b.input, { name: "stem", out: 3, kernel: 1 }));
    const y = b.batchNorm(b.conv(s, { name: "c", out: 3, kernel: 3, pad: 1 }), { name: "n" });
    b.conv(b.add(y, s), { name: "out", out: 2, kernel: 1 });
  });
  const zero = { "n.weight": [0, 1, 2], "n.bias": [0, 1, 2] };
  assert.is(ops(shrink(zeroRows(modelOf(graph), zero)).model), "Conv Relu Conv");
  const constant = shrink(zeroRows(modelOf(graph), { "n.weight": [0, 1, 2] }));
  assert.is(ops(constant.model), "Conv Relu BorderBias Conv");
  assert.is(shapeOf(constant.model, "add.table"), "3x1x1");
});

test("a sum with a constant on either side is its other operand", () => {
  const opsOf = (make: (b: Builder, x: string, y: string) => string) => {
    const graph = graphOf((b) => {
      const [x, y] = ["x", "y"].map((name) => b.relu(b.conv(b.input, { name, out: 3, kernel: 1 })));
      b.conv(make(b, x, y), { name: "out", out: 2, kernel: 1 });
    });
    return ops(shrink(zeroRows(modelOf(graph), { "y.weight": [0, 1, 2], "y.bias": [0, 1, 2] })).model);
  };
  assert.is(opsOf((b, x, y) => b.add(x, y)), "Conv Relu Conv");
  assert.is(opsOf((b, x, y) => b.add(y, x)), "Conv Relu Conv");
});

test("a sum with a constant map is the features, and one with constant features stays", () => {
  const opsOf = (dead: readonly number[], make: (b: Builder, features: string, map: string) => string) => {
    const graph = graphOf((b) => {
      const features = b.relu(b.conv(b.input, { name: "features", out: 3, kernel: 1 }));
      const map = b.relu(b.conv(b.input, { name: "map", out: 1, kernel: 1 }));
      b.conv(make(b, features, map), { name: "out", out: 2, kernel: 1 });
    });
    const name = dead.length === 1 ? "map" : "features";
    return ops(shrink(zeroRows(modelOf(graph), { [`${name}.weight`]: dead })).model);
  };
  for (
    const add of [(b: Builder, x: string, y: string) => b.add(x, y), (b: Builder, x: string, y: string) => b.add(y, x)]
  ) {
    assert.not.match(opsOf([0], add), /Add/);
    assert.match(opsOf([0, 1, 2], add), /Add/);
  }
});

test("a dead map under a gate's sum can't go: the gate alone has no pixels", () => {
  const graph = graphOf((b) => {
    const x = b.conv(b.input, { name: "c", out: 3, kernel: 3, pad: 1 });
    const g = b.conv(b.globalAveragePool(b.input), { name: "g", out: 3, kernel: 1 });
    b.conv(b.add(x, g), { name: "out", out: 2, kernel: 3, pad: 1 });
  });
  const dead = { "c.weight": [0, 1, 2], "c.bias": [0, 1, 2] };
  assert.ok(ops(shrink(zeroRows(modelOf(graph), dead)).model).includes("Add"));
  const gate = { "g.weight": [0, 1, 2], "g.bias": [0, 1, 2] };
  assert.is(ops(shrink(zeroRows(modelOf(graph), gate)).model), "Conv Conv");
});

test("a dead branch at the output keeps the output's name", () => {
  const graph = graphOf((b) => {
    const a = b.conv(b.input, { name: "a", out: 2, kernel: 1 });
    b.add(b.conv(b.input, { name: "c", out: 2, kernel: 1 }), a, "sum");
  });
  const { model } = shrink(zeroRows(modelOf(graph), { "c.weight": [0, 1], "c.bias": [0, 1] }));
  assert.is(ops(model), "Conv Identity");
  assert.equal(model.graph.outputs, ["sum"]);
});

test("a layer without any filter left keeps one channel, and its reader's bias does the rest", () => {
  const model = zeroRows(modelOf(twoConvs(1)), { "a.weight": [0, 1, 2, 3], "a.bias": [0, 1, 2, 3] });
  const { model: small } = shrink(model);
  assert.is(shapeOf(small, "a.weight"), "1x1");
  assert.is(shapeOf(small, "b.weight"), "3x1");
});

test("concat: the consumer's channel is offset + j, an empty operand is left out", () => {
  const graph = graphOf((b) => {
    const p = b.relu(b.conv(b.input, { name: "p", out: 2, kernel: 1 }));
    const q = b.relu(b.conv(b.input, { name: "q", out: 3, kernel: 1 }));
    b.conv(b.batchNorm(b.concat([p, q]), { name: "n" }), { name: "out", out: 2, kernel: 1 });
  });
  const { model } = shrink(zeroColumns(modelOf(graph), { "out.weight": [1, 3] }));
  assert.is(shapeOf(model, "p.weight"), "1x2x1x1");
  assert.is(shapeOf(model, "q.weight"), "2x2x1x1");
  assert.is(shapeOf(model, "n.weight"), "3");
  const alone = shrink(zeroColumns(modelOf(graph), { "out.weight": [0, 1, 3] }));
  assert.is(ops(alone.model), "Conv Relu BatchNormalization Conv");
});

/**
 * What becomes of a Slice of six channels that are all read by another layer too: the numbers of the Slice, [axes, starts,
 * ends, steps], and those of a Gather in the compact network.
 *
 * @param dead filters before the Slice that are gone
 */
function sliced(
  dead: readonly number[],
  { starts = [1], ends = [5], steps = [1] }: Partial<Record<"starts" | "ends" | "steps", readonly number[]>> = {},
): unknown[] {
  const graph = graphOf((b) => {
    const x = b.conv(b.input, { name: "a", out: 6, kernel: 1 });
    const some = b.slice(x, { axes: [1, 2].slice(0, starts.length), starts, ends, steps });
    const [p, q] = [
      b.conv(some, { name: "b", out: 2, kernel: 1 }),
      b.conv(x, { name: "c", out: 2, kernel: 1 }),
    ].map((y) => b.globalAveragePool(y));
    b.conv(b.add(p, q), { name: "out", out: 1, kernel: 1 });
  });
  const model = zeroRows(modelOf(graph), { "a.weight": dead, "a.bias": dead });
  return shrink(model).model.graph.nodes.filter(({ op }) => op === "Slice" || op === "Gather").map(({ op, attrs }) =>
    op === "Slice" ? [attrs.axes, attrs.starts, attrs.ends, attrs.steps] : attrs.indices
  );
}

test("slice: what stays of its channels is counted anew", () => {
  // Without channel 2 they stand at 1, 2, 3 of five; without 2, 3, 4 the first is alone at 1 of three.
  assert.equal(sliced([2]), [[[1], [1], [4], [1]]]);
  assert.equal(sliced([2, 3, 4]), [[[1], [1], [2], [1]]]);
  // Channels 1 and 3 without channel 0 are the first and third of five, without channel 2 the second and third.
  assert.equal(sliced([0], { steps: [2] }), [[[1], [0], [3], [2]]]);
  assert.equal(sliced([2], { steps: [2] }), [[[1], [1], [3], [1]]]);
});

/** Two of three rows of pixels go as well. */
const rows = { starts: [1, 0], ends: [5, 4], steps: [1, 3] };

test("slice: where all channels left are taken only the other axes are sliced, and nothing is where there are none", () => {
  assert.equal(sliced([0, 5], rows), [[[2], [0], [4], [3]]]);
  assert.equal(sliced([2], rows), [[[1, 2], [1, 0], [4, 4], [1, 3]]]);
  assert.equal(sliced([0, 5]), []);
});

test("slice: channels that stand unevenly are gathered, behind what is left of the slice", () => {
  // Of 0, 2 and 4 without channel 3 the last comes to stand at 3.
  assert.equal(sliced([3], { starts: [0], ends: [6], steps: [2] }), [[0, 2, 3]]);
  assert.equal(sliced([3], { starts: [0, 0], ends: [6, 4], steps: [2, 3] }), [[[2], [0], [4], [3]], [0, 2, 3]]);
});

test("gather: a copy in the same order is the original, and one in another order stays", () => {
  const gathered = (indices: readonly number[]) => {
    const graph = graphOf((b) => {
      const x = b.relu(b.conv(b.input, { name: "a", out: 4, kernel: 1 }));
      b.conv(b.gather(x, indices), { name: "out", out: 2, kernel: 1 });
    });
    return ops(shrink(zeroRows(modelOf(graph), { "a.weight": [2], "a.bias": [2] })).model);
  };
  assert.is(gathered([0, 1, 2, 3]), "Conv Relu Conv");
  // Of 0, 1 and 3, which are left, none stands where it stood.
  assert.is(gathered([3, 0, 2, 1]), "Conv Relu Gather Conv");
});

test("depthwise: in and out go together, with their group", () => {
  const graph = graphOf((b) => {
    const x = b.relu(b.conv(b.input, { name: "pw", out: 4, kernel: 1 }));
    const y = b.relu(b.conv(x, { name: "dw", out: 4, kernel: 3, pad: 1, group: 4 }));
    b.conv(y, { name: "out", out: 2, kernel: 1 });
  });
  const { model } = shrink(zeroRows(modelOf(graph), { "dw.weight": [0, 3], "dw.bias": [0, 3] }));
  assert.is(shapeOf(model, "pw.weight"), "2x2x1x1");
  assert.is(shapeOf(model, "dw.weight"), "2x1x3x3");
  assert.is(model.graph.nodes.find(({ name }) => name === "dw")!.attrs.group, 2);
});

test("grouped: groups stay of one size, an empty one goes", () => {
  const graph = graphOf((b) => {
    const x = b.relu(b.conv(b.input, { name: "in", out: 6, kernel: 1 }));
    const y = b.relu(b.conv(x, { name: "g", out: 6, kernel: 3, pad: 1, group: 3 }));
    b.conv(y, { name: "out", out: 2, kernel: 1 });
  });
  const model = modelOf(graph);
  const one = shrink(zeroColumns(model, { "out.weight": [0] }));
  assert.is(shapeOf(one.model, "g.weight"), "6x2x3x3");
  const each = shrink(zeroColumns(model, { "out.weight": [0, 3, 4] }));
  assert.is(shapeOf(each.model, "g.weight"), "3x2x3x3");
  const group = shrink(zeroColumns(model, { "out.weight": [2, 3] }));
  assert.is(shapeOf(group.model, "g.weight"), "4x2x3x3");
  assert.is(shapeOf(group.model, "in.weight"), "4x2x1x1");
});

test("grouped: a group with less left than the largest is filled up with its lowest filters", () => {
  const graph = graphOf((b) => {
    const x = b.relu(b.conv(b.input, { name: "in", out: 8, kernel: 1 }));
    b.conv(b.relu(b.conv(x, { name: "g", out: 8, kernel: 1, group: 2 })), { name: "out", out: 2, kernel: 1 });
  });
  const dead = [0, 1, 2, 4, 7];
  const { map } = shrink(zeroRows(modelOf(graph), { "g.weight": dead, "g.bias": dead }));
  // Filter 3 is left of the first group, 5 and 6 of the second.
  assert.equal(map.get("g.weight"), { source: "g.weight", keep: [[0, 3, 5, 6], null, null, null] });
});

test("grouped: what the constraints choose leaves groups of one size, and so do channels", () => {
  const build = (group: number) =>
    graphOf((b) => {
      const x = b.relu(b.conv(b.input, { name: "in", out: 8, kernel: 1 }));
      const y = b.relu(b.conv(x, { name: "g", out: 16, kernel: 3, pad: 1, group }));
      b.conv(y, { name: "out", out: 2, kernel: 1 });
    });
  const pruned = (group: number, granularity: "filter" | "channel" | "column", layers: string[]) => {
    const model = modelOf(build(group));
    const choices = coupledConstraints(model.graph, { granularity, keep: 0.5, layers })
      .map((constraint) => ({ constraint, kept: topGroups(energiesOf(constraint, model), constraint.keep) }));
    const { model: small } = shrink(maskModel(model, masksOf(choices, model.params)));
    return ["in", "g", "out"].map((name) => shapeOf(small, `${name}.weight`)).join(" ");
  };
  assert.is(pruned(2, "filter", ["in", "g"]), "4x2x1x1 8x2x3x3 2x8x1x1");
  assert.is(pruned(8, "filter", ["in"]), "4x2x1x1 8x1x3x3 2x8x1x1");
  assert.is(pruned(2, "channel", ["g"]), "4x2x1x1 16x2x3x3 2x16x1x1");
  // Columns of several groups stay in place as zeros.
  assert.is(pruned(2, "column", ["g"]), "8x2x1x1 16x4x3x3 2x16x1x1");
});

test("squeeze and excitation: a dead gate halves, it doesn't vanish", () => {
  const graph = graphOf((b) => {
    const x = b.relu(b.conv(b.input, { name: "c", out: 4, kernel: 3, pad: 1 }));
    const g = b.conv(b.relu(b.conv(b.globalAveragePool(x), { name: "s", out: 2, kernel: 1 })), {
      name: "e",
      out: 4,
      kernel: 1,
    });
    b.conv(b.mul(x, b.sigmoid(g)), { name: "out", out: 2, kernel: 1 });
  });
  const gateOnly = shrink(zeroRows(modelOf(graph), { "e.weight": [1], "e.bias": [1] }));
  assert.is(shapeOf(gateOnly.model, "c.weight"), "4x2x3x3");
  const main = shrink(zeroRows(modelOf(graph), { "c.weight": [1], "c.bias": [1] }));
  assert.is(shapeOf(main.model, "c.weight"), "3x2x3x3");
  assert.is(shapeOf(main.model, "e.weight"), "3x2x1x1");
});

test("a parameter of two nodes is cut for both, and becomes two where a constant is folded into one of them", () => {
  const make = (activation: "relu" | "sigmoid") => {
    const b = builder("g", ["N", 2, 4, 4]);
    const x = b[activation](b.conv(b.input, { name: "a", out: 3, kernel: 1, bias: false }));
    const once = b.relu(b.conv(x, { name: "once", out: 3, kernel: 1 }));
    const twice = b.node("Conv", [once, "once.weight", "once.bias"], {}, "twice");
    b.conv(twice, { name: "out", out: 2, kernel: 1 });
    return b.graph();
  };
  const zero = { "a.weight": [1], "once.weight": [1], "once.bias": [1] };
  const one = shrink(zeroRows(modelOf(make("relu")), zero)).model;
  assert.equal(Object.keys(one.graph.params), ["a.weight", "once.weight", "once.bias", "out.weight", "out.bias"]);
  assert.is(shapeOf(one, "once.weight"), "2x2x1x1");
  // sigmoid(0) goes into the bias of the first reader; the second one reads a channel that is 0.
  const two = shrink(zeroRows(modelOf(make("sigmoid")), zero)).model;
  assert.equal(two.graph.nodes.filter(({ op }) => op === "Conv").map(({ inputs: [, ...params] }) => params.join(" ")), [
    "a.weight",
    "once.weight once.bias",
    "once.weight once.bias_1",
    "out.weight out.bias",
  ]);
});

for (const shortcut of ["A", "projection"] as const) {
  test(`ResNet-20 with ${shortcut} shortcuts: the coupled filters of the streams go`, () => {
    const graph = createModel("resnet20", { shortcut, width: 0.5, size: 8 });
    const model = modelOf(graph);
    const constraints = coupledConstraints(graph, { granularity: "filter", keep: 0.5 });
    const choices = constraints.map((constraint) => ({
      constraint,
      kept: Array.from({ length: constraint.groups }, (_, g) => g).filter((g) => g % 2 === 0),
    }));
    const { model: small, report } = shrink(maskModel(model, masksOf(choices, model.params)));
    for (const { name, before, after } of report.layers) {
      const whole = name === "linear" ? 10 : before.filters / 2;
      assert.is(after?.filters, whole, name);
    }
    assert.is(small.graph.nodes.length, graph.nodes.length);
    assert.ok(report.after.params < 0.27 * report.before.params);
  });
}

test.run();
