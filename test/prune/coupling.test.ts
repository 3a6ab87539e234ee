import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Builder, builder } from "../../src/graph/build.ts";
import { createModel } from "../../src/models/zoo.ts";
import { vit } from "../generate/transformer.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { blockedGroups, couplingGroups } from "../../src/prune/groups/coupling_groups.ts";
import { type Coupled, type CoupledClass, coupledClasses } from "../../src/prune/groups/coupling.ts";
import { dependencyGraph } from "../../src/prune/groups/dependency_graph.ts";

const test = suite("coupling");

function classesOf(make: (b: Builder) => unknown): Map<string, CoupledClass> {
  const b = builder("g", ["N", 3, 8, 8]);
  make(b);
  return new Map(coupledClasses(b.graph()).map((coupled) => [coupled.id, coupled]));
}

const members = (list: readonly Coupled[]) =>
  list.map(({ param, at }) => `${param}@${"map" in at ? at.map : at.offset}`).join(" ");

/** As `members`, with what differs from one entry to a coupling group along axis 0. */
const rows = (list: readonly Coupled[]) =>
  list.map(({ param, axis, at }) =>
    `${param}${axis ? ` axis ${axis}` : ""} ${"map" in at ? at.map : `${at.repeat}/${at.period}`}`
  ).join(", ");

const refusal = (coupled: CoupledClass | undefined) => coupled?.prunable ? "prunable" : coupled?.why;

test("in a chain each layer is a class with its bias, γ and β, and the logits are never prunable", () => {
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
  assert.is(refusal(classes.get("f")), `it makes the output "f", whose width is given`);
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

test("with shortcuts of option A the narrow stages' filters are coupling groups of the wide stream, some places on", () => {
  const classes = coupledClasses(createModel("resnet8", { shortcut: "A" }));
  const stream = classes.find(({ id }) => id === "conv1")!;
  assert.is(stream.size, 64);
  assert.ok(stream.prunable);
  assert.is(
    members(stream.producers),
    "conv1.weight@24 layer1.0.conv2.weight@24 layer2.0.conv2.weight@16 layer3.0.conv2.weight@0",
  );
});

test("with projection shortcuts each stage has a stream of its own, to which the shortcut's convolution belongs", () => {
  const classes = coupledClasses(createModel("resnet8", { shortcut: "projection" }));
  const streams = classes.filter(({ producers }) => producers.length > 1);
  assert.equal(streams.map(({ size }) => size), [16, 32, 64]);
  assert.is(members(streams[1].producers), "layer2.0.conv2.weight@0 layer2.0.shortcut.0.weight@0");
});

test("a class that can't be pruned says why", () => {
  const classes = classesOf((b) => {
    const i = b.add(b.conv(b.input, { name: "tied", out: 3, kernel: 1 }), b.input);
    const one = b.groupNorm(b.conv(i, { name: "one", out: 4, kernel: 1 }), { name: "gn", groups: 1 });
    const pixels = b.flatten(b.conv(one, { name: "map", out: 1, kernel: [7, 8] }));
    const added = b.add(b.gemm(b.flatten(one), { name: "full", out: 2 }), pixels, "sum");
    b.gemm(added, { name: "out", out: 2 });
  });
  assert.is(refusal(classes.get("tied")), `it is tied to the input "input", whose channels are given`);
  assert.is(
    refusal(classes.get("one")),
    'all its 4 filters can only go together: they flow through GroupNormalization "gn"',
  );
  // Two pixels of a single channel become two features.
  assert.is(refusal(classes.get("map")), 'all its 2 filters can only go together: they flow through Flatten "flatten"');
});

test("layers that meet in another order are one class, in which a map says whose filters are which", () => {
  const classes = classesOf((b) => {
    const r = b.gather(b.conv(b.input, { name: "r", out: 3, kernel: 1 }), [2, 1, 0]);
    const s = b.add(r, b.conv(b.input, { name: "s", out: 3, kernel: 1 }));
    const [p, q] = ["p", "q"].map((name) => b.conv(s, { name, out: 4, kernel: 1 }));
    const even = b.slice(p, { axes: [1], starts: [0], ends: [4], steps: [2] });
    const first = b.slice(q, { axes: [1], starts: [0], ends: [2] });
    b.conv(b.add(even, first), { name: "out", out: 2, kernel: 1 });
  });
  assert.is(members(classes.get("r")!.producers), "r.weight@0 s.weight@2,1,0");
  assert.is(rows(classes.get("r")!.readers), "p.weight axis 1 2,1,0, q.weight axis 1 2,1,0");
  // Filters 0 and 2 of p are added to filters 0 and 1 of q.
  assert.is(members(classes.get("p")!.producers), "p.weight@0 q.weight@0,2,4,5");
  assert.is(members(classes.get("p")!.vectors), "p.bias@0 q.bias@0,2,4,5");
  assert.is(classes.get("p")!.size, 6);
});

test("where no order suits all layers of a class the widest one's filters come first", () => {
  const classes = classesOf((b) => {
    const [p, q] = [3, 5].map((out, i) => b.conv(b.input, { name: "pq"[i], out, kernel: 1 }));
    const even = b.slice(p, { axes: [1], starts: [0], ends: [3], steps: [2] });
    const first = b.slice(q, { axes: [1], starts: [0], ends: [2] });
    b.conv(b.add(even, first), { name: "out", out: 2, kernel: 1 });
  });
  // Filters 0 and 2 of p are added to filters 0 and 1 of q.
  assert.is(members(classes.get("p")!.producers), "p.weight@0,5,1 q.weight@0");
});

test("a flattened image beside other features is read by a map where its pixels don't divide the width", () => {
  const beside = (pixels: number, width: number, first: "image" | "features") => {
    const classes = classesOf((b) => {
      const x = b.conv(b.input, { name: "image", out: 2, kernel: [9 - pixels, 8] });
      const y = b.gemm(b.flatten(b.input), { name: "features", out: width });
      const flat = b.flatten(x);
      b.gemm(b.concat(first === "image" ? [flat, y] : [y, flat]), { name: "out", out: 2 });
    });
    return ["image", "features"].map((name) => rows(classes.get(name)!.readers));
  };
  assert.equal(beside(3, 3, "image"), ["out.weight axis 1 3/9", "out.weight axis 1 1/9"]);
  assert.equal(beside(2, 3, "image"), ["out.weight axis 1 0,0,1,1,-1,-1,-1", "out.weight axis 1 1/7"]);
  assert.equal(beside(2, 4, "features"), ["out.weight axis 1 2/8", "out.weight axis 1 1/8"]);
  assert.equal(beside(2, 3, "features"), ["out.weight axis 1 -1,-1,-1,0,0,1,1", "out.weight axis 1 1/7"]);
});

test("all channels of the input and of the output must stay, from the first to the last", () => {
  const b = builder("g", ["N", 3, 8, 8]);
  b.conv(b.relu(b.conv(b.input, { name: "a", out: 4, kernel: 1 })), { name: "out", out: 2, kernel: 1 });
  const dependencies = dependencyGraph(b.graph());
  const groups = couplingGroups(dependencies);
  const blocked = blockedGroups(dependencies, groups);
  const { channels } = dependencies;
  const mustStay = (value: string) =>
    Array.from({ length: channels.width(value) }, (_, j) => blocked.has(groups.find(channels.base(value) + j)));
  assert.equal(mustStay("input"), [true, true, true]);
  assert.equal(mustStay("out"), [true, true]);
  assert.equal(mustStay("a"), [false, false, false, false]);
});

test("what is added to something that can't lose single channels can't either", () => {
  const classes = classesOf((b) => {
    const tokens = (name: string) =>
      b.transpose(b.reshape(b.conv(b.input, { name, out: 4, kernel: 1 }), [4, 64]), [0, 2, 1]);
    b.linear(b.add(b.softmax(tokens("a")), tokens("z")), { name: "out", out: 2 });
  });
  assert.match(refusal(classes.get("a"))!, /^it flows through Softmax "/);
  assert.match(refusal(classes.get("z"))!, /^it flows through Softmax "/);
});

test("a layer of one filter can't be pruned, and says so", () => {
  const classes = classesOf((b) =>
    b.conv(b.conv(b.input, { name: "one", out: 1, kernel: 1 }), { name: "out", out: 2, kernel: 1 })
  );
  assert.is(refusal(classes.get("one")), "it has one filter");
});

test("a grouped convolution of few wide groups: filter i of each group is a coupling group, and so is input channel i", () => {
  const classes = classesOf((b) => {
    const x = b.relu(b.conv(b.input, { name: "in", out: 6, kernel: 1 }));
    const y = b.batchNorm(b.conv(x, { name: "g", out: 8, kernel: 3, pad: 1, group: 2 }), { name: "n" });
    b.conv(y, { name: "out", out: 2, kernel: 1 });
  });
  assert.is(classes.get("in")!.size, 3);
  assert.is(rows(classes.get("in")!.producers), "in.weight 1/3");
  assert.is(classes.get("g")!.size, 4);
  assert.is(rows(classes.get("g")!.producers), "g.weight 1/4");
  assert.is(rows(classes.get("g")!.vectors), "g.bias 1/4, n.weight 1/4, n.bias 1/4");
  assert.is(rows(classes.get("g")!.readers), "out.weight axis 1 1/4");
});

test("many thin groups go whole, with what they read; a depthwise multiplier is such a group", () => {
  const thin = classesOf((b) => {
    const x = b.conv(b.input, { name: "in", out: 8, kernel: 1 });
    b.conv(b.conv(x, { name: "g", out: 12, kernel: 3, pad: 1, group: 4 }), { name: "out", out: 2, kernel: 1 });
  });
  assert.equal([...thin.keys()], ["in", "out"]);
  assert.is(thin.get("in")!.size, 4);
  assert.is(rows(thin.get("in")!.producers), "in.weight 2/8, g.weight 3/12");
  const multiplied = classesOf((b) => {
    const x = b.conv(b.input, { name: "in", out: 4, kernel: 1 });
    b.conv(b.conv(x, { name: "d", out: 8, kernel: 3, group: 4 }), { name: "out", out: 2, kernel: 1 });
  });
  assert.is(rows(multiplied.get("in")!.producers), "in.weight 1/4, d.weight 2/8");
  assert.is(rows(multiplied.get("in")!.vectors), "in.bias 1/4, d.bias 2/8");
});

test("as many groups as channels in each, two of two or two of one, go whole; a convolution without groups ties nothing", () => {
  const classes = (channels: number, group: number) =>
    classesOf((b) => {
      const x = b.conv(b.input, { name: "in", out: channels, kernel: 1 });
      b.conv(b.conv(x, { name: "g", out: 4, kernel: 1, group }), { name: "out", out: 2, kernel: 1 });
    });
  assert.is(rows(classes(4, 2).get("in")!.producers), "in.weight 2/4, g.weight 2/4");
  assert.is(rows(classes(2, 2).get("in")!.producers), "in.weight 1/2, g.weight 2/4");
  assert.is(rows(classes(1, 1).get("g")!.producers), "g.weight 1/4");
});

test("the groups of a group norm go as a whole", () => {
  const classes = classesOf((b) => {
    const x = b.groupNorm(b.conv(b.input, { name: "c", out: 6, kernel: 1 }), { name: "n", groups: 3 });
    b.conv(x, { name: "out", out: 2, kernel: 1 });
  });
  assert.is(classes.get("c")!.size, 3);
  assert.is(rows(classes.get("c")!.vectors), "c.bias 2/6, n.weight 2/6, n.bias 2/6");
});

test("heads of q, k and v go as a whole, hidden units of the MLP go one by one, and the residual stream stays", () => {
  const classes = new Map(coupledClasses(vit()).map((found) => [found.id, found]));
  assert.equal([...classes.keys()], ["stem", "patch", "q", "fc1", "head"]);
  const heads = classes.get("q")!;
  assert.is(heads.size, 2);
  assert.is(rows(heads.producers), "q.weight axis 1 4/8, k.weight axis 1 4/8, v.weight axis 1 4/8");
  assert.is(rows(heads.readers), "proj.weight 4/8");
  assert.is(classes.get("fc1")!.size, 6);
  assert.is(rows(classes.get("fc1")!.readers), "fc2.weight 1/6");
  assert.equal(classes.get("patch")!.producers.map(({ node }) => node), ["patch", "proj", "fc2"]);
  assert.match(refusal(classes.get("patch"))!, /^it flows through LayerNormalization "ln", which takes mean/);
});

test("where q, k and v come from one product a head has its filters in each third", () => {
  for (const qkv of ["together", "stacked"] as const) {
    const heads = coupledClasses(vit(qkv)).find(({ id }) => id === "qkv")!;
    assert.is(heads.size, 2);
    assert.is(rows(heads.producers), "qkv.weight axis 1 4/8");
    assert.is(rows(heads.readers), "proj.weight 4/8");
  }
});

test("nodes that share a parameter are one class, which has it once", () => {
  const b = builder("g", ["N", 3, 8, 8]);
  const x = b.relu(b.conv(b.input, { name: "stem", out: 4, kernel: 1 }));
  const once = b.relu(b.conv(x, { name: "once", out: 4, kernel: 1 }));
  const twice = b.relu(b.node("Conv", [once, "once.weight", "once.bias"], {}, "twice"));
  b.conv(twice, { name: "out", out: 2, kernel: 1 });
  const graph = b.graph();
  const [stem] = coupledClasses(graph);
  assert.equal(stem.producers.map(({ node }) => node), ["stem", "once", "twice"]);
  assert.equal(stem.consumers, ["once", "twice", "out"]);
  assert.is(stem.size, 4);
  const [{ members: parts, readers }] = coupledConstraints(graph, { granularity: "filter", keep: 0.5 });
  assert.equal(parts.map(({ param }) => param), ["stem.weight", "once.weight", "stem.bias", "once.bias"]);
  assert.equal(readers.map(({ param }) => param), ["once.weight", "out.weight"]);
  const kernels = coupledConstraints(graph, { granularity: "weight", keep: 0.5 });
  assert.equal(kernels.map(({ name }) => name), ["stem:weight", "once:weight", "out:weight"]);
});

test("nodes that read a parameter along different axes stay whole, and say with whom they share it", () => {
  const classes = classesOf((b) => {
    const plane = b.param("plane", [1, 8, 8, 8], "table");
    const p = b.add(b.conv(b.input, { name: "p", out: 8, kernel: 1 }), plane, "upright");
    const turned = b.transpose(b.conv(b.input, { name: "q", out: 8, kernel: 1 }), [0, 2, 1, 3]);
    const q = b.transpose(b.add(turned, plane, "turned"), [0, 2, 1, 3]);
    b.conv(b.conv(b.concat([p, q]), { name: "free", out: 4, kernel: 1 }), { name: "out", out: 2, kernel: 1 });
  });
  assert.is(
    refusal(classes.get("p")),
    'it flows through Add "upright", which shares "plane" with Add "turned", which reads it along other axes',
  );
  assert.is(
    refusal(classes.get("q")),
    'it flows through Add "turned", which shares "plane" with Add "upright", which reads it along other axes',
  );
  assert.is(refusal(classes.get("free")), "prunable");
});

test.run();
