import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { createModel } from "../../src/models/zoo.ts";
import { inspect, refusalsOf } from "../../src/prune/inspect.ts";
import { laneRows } from "../../src/report/inspection/lanes.ts";
import { inspectNetwork } from "../../src/report/inspection/network.ts";
import { renderInspection } from "../../src/report/inspection/page.ts";
import { randomGraph } from "../generate/graphs.ts";
import { vit } from "../generate/transformer.ts";

const test = suite("inspection");

test("a chain stays in one lane, a shortcut goes round in its own", () => {
  const rows = laneRows(["x"], [
    { inputs: ["x"], output: "a" },
    { inputs: ["a"], output: "b" },
    { inputs: ["b"], output: "c" },
    { inputs: ["c", "a"], output: "d" },
  ]);
  assert.equal(rows, [
    { lane: 0, from: [0], past: [], goesOn: true },
    { lane: 1, from: [0], past: [0], goesOn: true },
    { lane: 1, from: [1], past: [0], goesOn: true },
    { lane: 0, from: [0, 1], past: [], goesOn: false },
  ]);
});

test("every value runs unbroken from its node to its last reader, on random graphs", () => {
  for (let seed = 0; seed < 60; seed++) {
    const { nodes, inputs } = inspect(randomGraph(seed));
    const rows = laneRows(inputs.map(({ name }) => name), nodes);
    const lanes = new Map(inputs.map(({ name }, i) => [name, i]));
    nodes.forEach((node, i) => {
      const { lane, from, past, goesOn } = rows[i];
      assert.equal(from, [...new Set(node.inputs.map((name) => lanes.get(name)!))].sort((a, b) => a - b));
      for (const [name, at] of lanes) {
        const later = nodes.slice(i + 1).some((next) => next.inputs.includes(name));
        assert.is(past.includes(at), later, `${seed} ${node.name} ${name}`);
        if (!later) lanes.delete(name);
      }
      assert.not.ok(past.includes(lane), `${seed} ${node.name}`);
      if (goesOn) lanes.set(node.output, lane);
    });
  }
});

test("an inspection: costs add up, each layer has a group, what can't go has a reason", () => {
  const found = inspect(createModel("resnet20"));
  assert.is(found.params, 269_722 + 2 * 688);
  assert.is(found.params, found.nodes.reduce((sum, { params }) => sum + params, 0));
  assert.is(found.macs, found.nodes.reduce((sum, { macs }) => sum + macs, 0));
  const layers = found.nodes.filter(({ weight }) => weight);
  assert.is(layers.length, 20);
  assert.equal(layers.map(({ group }) => found.groups.some(({ name }) => name === group)), layers.map(() => true));
  assert.equal(found.groups.filter(({ why }) => why).map(({ name }) => name), ["linear"]);
  assert.equal(layers[1].refused, {});
});

test("heads and groups of a convolution: how many filters go with a coupling group", () => {
  const heads = inspect(vit()).groups.find(({ name }) => name === "q")!;
  assert.equal(heads.layers.map(({ filtersPerGroup }) => filtersPerGroup), [4, 4, 4]);
  const b = builder("g", ["N", 2, 4, 4]);
  const x = b.conv(b.input, { name: "in", out: 8, kernel: 1 });
  b.conv(b.conv(x, { name: "g", out: 12, kernel: 3, group: 2 }), { name: "out", out: 2, kernel: 1 });
  assert.equal(inspect(b.graph()).groups.map(({ size, layers }) => [size, layers[0].filtersPerGroup]), [
    [4, 2],
    [6, 2],
    [
      2,
      1,
    ],
  ]);
});

test("refusals: kind after kind, the layers of one reason together", () => {
  const found = refusalsOf(inspect(createModel("resnet8", { shortcut: "projection" })));
  assert.equal(found.map(({ kind, layers }) => `${kind}: ${layers}`), [
    "filter: linear",
    "kernel: layer2.0.shortcut.0,layer3.0.shortcut.0",
    "kernel: linear",
  ]);
  assert.is(found[1].why, "its kernels are 1×1: single weights");
});

test("a layer that reads along another axis keeps what it reads, and can lose filters of its own", () => {
  const b = builder("turned", ["N", 4, 4, 4]);
  const x = b.conv(b.transpose(b.conv(b.input, { name: "a", out: 4, kernel: 1 }), [0, 2, 1, 3]), {
    name: "t",
    out: 3,
    kernel: 1,
  });
  b.conv(x, { name: "out", out: 2, kernel: 1 });
  const { groups } = inspect(b.graph());
  assert.is(
    groups.find(({ name }) => name === "a")!.why,
    'it is read by Conv "t", which mixes along another axis than that of its channels',
  );
  assert.is(groups.find(({ name }) => name === "t")!.why, undefined);
});

test("a layer that shares its weight with one that reads it otherwise is refused with that reason", () => {
  const b = builder("shared", ["N", 4, 4, 4]);
  const x = b.relu(b.conv(b.input, { name: "a", out: 4, kernel: 1, bias: false }));
  b.conv(b.node("Conv", [x, "a.weight"], { group: 1, strides: [2, 2] }, "same"), { name: "b", out: 4, kernel: 1 });
  const grouped = b.param("g.weight", [4, 2, 1, 1], "weight");
  const half = b.slice(b.graph().nodes.at(-1)!.outputs[0], { axes: [1], starts: [0], ends: [2] });
  const y = b.node("Conv", [b.node("Conv", [half, grouped], {}, "plain"), grouped], { group: 2 }, "grouped");
  b.conv(y, { name: "out", out: 2, kernel: 1 });
  const { nodes } = inspect(b.graph());
  const refused = (name: string) => nodes.find((node) => node.name === name)!.refused.column;
  assert.is(
    refused("plain"),
    'it is a layer which shares "g.weight" with Conv "grouped", which reads it along other axes',
  );
  assert.is(
    refused("grouped"),
    'it is a layer which shares "g.weight" with Conv "plain", which reads it along other axes',
  );
  assert.is(refused("a"), undefined);
});

test("the page holds every node, opens without network or script, and escapes names", () => {
  const b = builder("<net>", ["N", 1, 4, 4]);
  b.conv(b.conv(b.input, { name: "a<b>\u202e", out: 2, kernel: 1 }), { name: "out", out: 2, kernel: 1 });
  const html = renderInspection(inspectNetwork(b.graph()));
  assert.ok(html.includes("a&#60;b&#62;\\u202e") && !html.includes("\u202e") && !html.includes("a<b>"));
  assert.not.match(html, /<script|https?:|<link|url\(/);
  assert.match(html, /default-src 'none'/);
  const large = renderInspection(inspectNetwork(createModel("resnet20")));
  assert.is(large.match(/<circle/g)!.length, createModel("resnet20").nodes.length);
});

test.run();
