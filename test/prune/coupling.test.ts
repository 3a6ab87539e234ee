import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Builder, builder } from "../../src/graph/build.ts";
import { createModel } from "../../src/models/zoo.ts";
import { coupledConstraints, prunableLayers } from "../../src/prune/constraints.ts";
import { type CoupledClass, coupledClasses } from "../../src/prune/coupling.ts";

const test = suite("coupling");

function classesOf(make: (b: Builder) => unknown): Map<string, CoupledClass> {
  const b = builder("g", ["N", 3, 8, 8]);
  make(b);
  return new Map(coupledClasses(b.graph()).map((coupled) => [coupled.id, coupled]));
}

const members = (list: readonly { param: string; offset: number }[]) =>
  list.map(({ param, offset }) => `${param}@${offset}`).join(" ");

const refusal = (coupled: CoupledClass | undefined) => coupled?.prunable ? "prunable" : coupled?.why;

test("a chain: each layer for itself with its bias, γ and β; the logits never", () => {
  const classes = classesOf((b) => {
    const x = b.relu(b.batchNorm(b.conv(b.input, { name: "a", out: 4, kernel: 3 }), { name: "n" }));
    b.gemm(b.flatten(b.maxPool(x, { kernel: 2 })), { name: "f", out: 10 });
  });
  const a = classes.get("a")!;
  assert.is(a.size, 4);
  assert.is(members(a.producers), "a.weight@0");
  assert.is(members(a.vectors), "a.bias@0 n.weight@0 n.bias@0");
  assert.equal(a.consumers, ["f"]);
  assert.is(refusal(a), "prunable");
  assert.is(refusal(classes.get("f")), `it makes the output "f"`);
});

test("a sum ties its producers, and a depthwise convolution its two sides", () => {
  const classes = classesOf((b) => {
    const s = b.relu(b.conv(b.input, { name: "s", out: 4, kernel: 1 }));
    const d = b.conv(s, { name: "d", out: 4, kernel: 3, pad: 1, group: 4 });
    const t = b.add(b.conv(d, { name: "e", out: 4, kernel: 1 }), s);
    b.gemm(b.flatten(b.globalAveragePool(t)), { name: "f", out: 10 });
  });
  assert.equal([...classes.keys()], ["s", "f"]);
  assert.is(members(classes.get("s")!.producers), "s.weight@0 d.weight@0 e.weight@0");
  assert.equal(classes.get("s")!.consumers, ["d", "e", "f"]);
});

test("behind a concatenation each producer has its own class, and a part of the batch norm", () => {
  const classes = classesOf((b) => {
    const p = b.conv(b.input, { name: "p", out: 2, kernel: 1 });
    const q = b.conv(b.input, { name: "q", out: 3, kernel: 1 });
    const n = b.batchNorm(b.concat([p, q]), { name: "n" });
    b.conv(b.relu(n), { name: "out", out: 2, kernel: 1 });
  });
  assert.is(members(classes.get("p")!.vectors), "p.bias@0 n.weight@0 n.bias@0");
  assert.is(members(classes.get("q")!.vectors), "q.bias@0 n.weight@-2 n.bias@-2");
  assert.is(classes.get("q")!.size, 3);
});

test("a concatenation that is added to something ties both to it, each at its offset", () => {
  const classes = classesOf((b) => {
    const p = b.conv(b.input, { name: "p", out: 2, kernel: 1 });
    const q = b.conv(b.input, { name: "q", out: 3, kernel: 1 });
    const r = b.conv(b.input, { name: "r", out: 5, kernel: 1 });
    b.conv(b.add(b.concat([p, q]), r), { name: "out", out: 2, kernel: 1 });
  });
  assert.equal([...classes.keys()], ["p", "out"]);
  assert.is(members(classes.get("p")!.producers), "p.weight@0 q.weight@2 r.weight@0");
});

test("gates are tied to what they gate", () => {
  const classes = classesOf((b) => {
    const x = b.relu(b.conv(b.input, { name: "c", out: 4, kernel: 3, pad: 1 }));
    const s = b.relu(b.conv(b.globalAveragePool(x), { name: "s", out: 2, kernel: 1 }));
    const y = b.mul(x, b.sigmoid(b.conv(s, { name: "e", out: 4, kernel: 1 })));
    b.conv(y, { name: "out", out: 2, kernel: 1 });
  });
  assert.is(members(classes.get("c")!.producers), "c.weight@0 e.weight@0");
  assert.is(members(classes.get("s")!.producers), "s.weight@0");
});

test("option A: the narrow stages are units of the wide stream, some places on", () => {
  const classes = coupledClasses(createModel("resnet8", { shortcut: "A" }));
  const stream = classes.find(({ id }) => id === "conv1")!;
  assert.is(stream.size, 64);
  assert.ok(stream.prunable);
  assert.is(
    members(stream.producers),
    "conv1.weight@24 layer1.0.conv2.weight@24 layer2.0.conv2.weight@16 layer3.0.conv2.weight@0",
  );
});

test("projection: a stream for each stage, with the shortcut's convolution", () => {
  const classes = coupledClasses(createModel("resnet8", { shortcut: "projection" }));
  const streams = classes.filter(({ producers }) => producers.length > 1);
  assert.equal(streams.map(({ size }) => size), [16, 32, 64]);
  assert.is(members(streams[1].producers), "layer2.0.conv2.weight@0 layer2.0.shortcut.0.weight@0");
});

test("refused, with the reason", () => {
  const classes = classesOf((b) => {
    const i = b.add(b.conv(b.input, { name: "tied", out: 3, kernel: 1 }), b.input);
    const g = b.conv(b.conv(i, { name: "into", out: 4, kernel: 1 }), { name: "grouped", out: 6, kernel: 1, group: 2 });
    const r = b.gather(b.conv(g, { name: "r", out: 3, kernel: 1 }), [2, 1, 0]);
    const s = b.add(r, b.conv(g, { name: "s", out: 3, kernel: 1 }));
    const d = b.reshape(b.gemm(b.flatten(b.globalAveragePool(s)), { name: "pairs", out: 8 }), [2, 2, 2]);
    b.conv(d, { name: "out", out: 2, kernel: 1 });
  });
  assert.is(refusal(classes.get("tied")), `it is tied to the input "input"`);
  assert.is(refusal(classes.get("into")), `its groups must stay of equal size ("grouped" has 2)`);
  assert.is(refusal(classes.get("grouped")), `its groups must stay of equal size ("grouped" has 2)`);
  assert.is(refusal(classes.get("r")), `"s" meets the stream in another order`);
  assert.is(refusal(classes.get("pairs")), `filters of "pairs" are tied to each other`);
});

const digits = createModel("digits");

test("constraints by pattern, by node or weight name", () => {
  const names = (layers?: string[]) =>
    coupledConstraints(digits, { granularity: "filter", keep: 0.5, layers }).map(({ name }) => name);
  const all = prunableLayers(digits, { granularity: "filter" });
  assert.equal(names(), all.map((name) => `${name}:filter`));
  assert.equal(names([`${all[0]}.weight`]), [`${all[0]}:filter`]);
  assert.equal(names([`${all[0].slice(0, -1)}?`, all[1]]), names().slice(0, 2));
});

test("bad constraints: unknown layer, the logits, keep out of range", () => {
  const make = (layers: string[], keep = 0.5) => () =>
    coupledConstraints(digits, { granularity: "filter", keep, layers });
  const layers = digits.nodes.filter(({ op }) => op === "Conv" || op === "Gemm").map(({ name }) => name);
  assert.throws(make(["nose"]), new RegExp(`no layer is named "nose"; there are ${layers.join(", ")}`));
  assert.throws(make([layers.at(-1)!]), /can't be pruned by filter: it makes the output/);
  for (const keep of [0, -1, 1.1, NaN]) assert.throws(make(["*"], keep), /expected a fraction above 0 and at most 1/);
});

test("counts and layouts of each granularity", () => {
  const b = builder("g", ["N", 3, 8, 8]);
  const x = b.conv(b.input, { name: "a", out: 10, kernel: 3 });
  b.conv(x, { name: "b", out: 2, kernel: 3 });
  const graph = b.graph();
  const first = (granularity: "filter" | "channel" | "column" | "weight", keep: number, minKeep?: number) => {
    const [{ groups, keep: kept, members, name }] = coupledConstraints(graph, {
      granularity,
      keep,
      minKeep,
      layers: ["a"],
    });
    const { gf, gc, gk } = members[0].layout;
    return [name, groups, kept, gf, gc, gk];
  };
  assert.equal(first("filter", 0.25), ["a:filter", 10, 3, 1, 0, 0]);
  assert.equal(first("filter", 0.01), ["a:filter", 10, 1, 1, 0, 0]);
  assert.equal(first("filter", 0.01, 4), ["a:filter", 10, 4, 1, 0, 0]);
  assert.equal(first("channel", 0.67), ["a:channel", 3, 2, 0, 1, 0]);
  assert.equal(first("column", 0.5), ["a:column", 27, 14, 0, 9, 1]);
  assert.equal(first("weight", 0.1), ["a:weight", 270, 27, 27, 9, 1]);
});

test.run();
