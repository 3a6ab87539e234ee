/** The rules of operators, with links and axes worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Builder, builder } from "../../src/graph/build.ts";
import { inferShapes } from "../../src/graph/infer.ts";
import type { Node } from "../../src/graph/types.ts";
import { forEachLink, numberChannels, parameterAxis, zeroableParameters } from "../../src/prune/groups/channels.ts";
import { ACTIVATIONS } from "../../src/prune/rules/activations.ts";
import { ARITHMETIC } from "../../src/prune/rules/arithmetic.ts";
import { ATTENTION } from "../../src/prune/rules/attention.ts";
import { LAYERS } from "../../src/prune/rules/layers.ts";
import { NORMS } from "../../src/prune/rules/norms.ts";
import { ELSEWHERE } from "../../src/prune/rules/linked.ts";
import type { Emission } from "../../src/prune/rules/emission.ts";
import { RESHAPES } from "../../src/prune/rules/reshapes.ts";
import { SELECTIONS } from "../../src/prune/rules/selections.ts";
import { SPATIAL } from "../../src/prune/rules/spatial.ts";
import { RULES, whyWhole } from "../../src/prune/rules/table.ts";

const test = suite("rules");

/** A graph whose last node is looked at, behind an input [N,4,2,3]. */
function last(make: (b: Builder) => unknown, shape: readonly number[] = [4, 2, 3]) {
  const b = builder("g", ["N", ...shape]);
  make(b);
  const graph = b.graph();
  const node = graph.nodes[graph.nodes.length - 1];
  return { node, numbered: numberChannels(graph, inferShapes(graph)) };
}

/** "0<1 1<3": channel 0 of what the last node makes is linked to channel 1 of its first input, 1 to 3. */
function links(make: (b: Builder) => unknown, shape?: readonly number[]): string {
  const { node, numbered } = last(make, shape);
  const { channels } = numbered;
  const signs = { tie: "=", read: "<", spread: "*" };
  const found: string[] = [];
  forEachLink(numbered, node, (made, read, kind) => {
    const from = node.inputs.filter((name) => channels.has(name)).findIndex((name) =>
      read >= channels.base(name) && read < channels.base(name) + channels.width(name)
    );
    const letter = ["", "b", "c"][from];
    const input = node.inputs.filter((name) => channels.has(name))[from];
    found.push(`${made - channels.base(node.outputs[0])}${signs[kind]}${letter}${read - channels.base(input)}`);
  });
  return found.join(" ");
}

test("each operator has its rule in one family", () => {
  const families = [LAYERS, NORMS, ACTIVATIONS, ARITHMETIC, SPATIAL, RESHAPES, SELECTIONS, ATTENTION];
  const named = families.flatMap((family) => Object.keys(family));
  assert.equal(named.toSorted(), [...new Set(named)].toSorted());
  assert.equal(named.toSorted(), Object.keys(RULES).sort());
});

test("functions of one number, pools and norms tie each channel to its own", () => {
  const own = "0=0 1=1 2=2 3=3";
  const makers: readonly ((b: Builder) => string)[] = [
    (b) => b.relu(b.input),
    (b) => b.prelu(b.input, { name: "p" }),
    (b) => b.batchNorm(b.input, { name: "n" }),
    (b) => b.maxPool(b.input, { kernel: 2 }),
    (b) => b.globalAveragePool(b.input),
    (b) => b.mean(b.input, [2, 3]),
    (b) => b.resize(b.input, 2),
    (b) => b.borderBias(b.input, { name: "t", rows: [0, 1], cols: [0, 0, 0] }),
    (b) => b.transpose(b.input, [0, 2, 3, 1]),
  ];
  for (const make of makers) assert.is(links(make), own);
});

test("a product of two activations is whole unless it multiplies matrices of each channel", () => {
  const whole = (make: (b: Builder) => unknown) => {
    const { node, numbered } = last(make);
    return whyWhole(node, numbered);
  };
  assert.is(whole((b) => b.matmul(b.input, b.param("w", [3, 5], "weight"))), undefined);
  assert.is(whole((b) => b.matmul(b.input, b.transpose(b.input, [0, 1, 3, 2]))), undefined);
  const turned = (b: Builder) => b.transpose(b.input, [0, 2, 1, 3]);
  assert.match(whole((b) => b.matmul(turned(b), b.transpose(turned(b), [0, 1, 3, 2])))!, /multiplies activations/);
});

test("operands whose channels stand along different axes are whole, unless one is the same for all channels", () => {
  const whole = (make: (b: Builder) => string, gate: (b: Builder) => string) => {
    const { node, numbered } = last((b) => b.mul(make(b), gate(b)));
    const axes = node.inputs.map((name) => numbered.channels.axis(name)).join();
    return `${axes} ${whyWhole(node, numbered) ?? "free"}`;
  };
  const tokens = (width: number) => (b: Builder) => b.transpose(b.reshape(b.input, [width, 24 / width]), [0, 2, 1]);
  /** [N,out,2], channels along axis 1. */
  const rows = (b: Builder, out: number) => b.mean(b.conv(b.input, { name: "c", out, kernel: 1 }), [3]);
  assert.is(whole(tokens(4), (b) => b.mean(rows(b, 1), [2], { keepdims: true })), "2,1 free");
  assert.is(whole(tokens(12), (b) => b.mean(rows(b, 2), [2], { keepdims: true })), `2,1 ${ELSEWHERE}`);
  // A gate [N,1] over [N,1,2,12] has no axis where the channels stand.
  const image = (b: Builder) => b.transpose(b.reshape(b.input, [12, 1, 2]), [0, 2, 3, 1]);
  assert.is(whole(image, (b) => b.mean(rows(b, 1), [2])), "3,1 free");
  // [N,1,2] over [N,12,2]: its only channel has a number for each channel of the other.
  assert.is(whole(tokens(2), (b) => rows(b, 1)), `2,1 ${ELSEWHERE}`);
});

test("a layer says along which axis it reads channels, and those that it makes stand there", () => {
  const axes = (make: (b: Builder) => unknown, shape?: readonly number[]) => {
    const { node, numbered: { channels, anchors } } = last(make, shape);
    return `${node.inputs.map((name) => channels.has(name) ? channels.axis(name) : "").join("")}>${
      channels.axis(node.outputs[0])
    } ${[...anchors.values()]}`;
  };
  const conv = (b: Builder, x: string) => b.conv(x, { name: "c", out: 2, kernel: 1 });
  assert.is(axes((b) => conv(b, b.input)), "1>1 ");
  // An image whose channels come last is seen by its first convolution.
  assert.is(axes((b) => conv(b, b.transpose(b.input, [0, 3, 1, 2]))), "1>1 ");
  assert.is(axes((b) => b.matmul(b.relu(b.input), b.param("w", [3, 2], "weight"))), "3>3 ");
  assert.is(axes((b) => b.gemm(b.flatten(b.input), { name: "f", out: 2 })), "1>1 ");
  // One layer that finds its channels along axis 1 leaves another one to read them across.
  assert.is(
    axes((b) => {
      const y = b.conv(b.input, { name: "c", out: 2, kernel: 1 });
      b.matmul(y, b.param("w", [3, 2], "weight"), "across");
    }),
    "1>3 across",
  );
  // Of two axes that suit one layer each the input's channels stand along the first.
  assert.is(
    axes((b) => {
      conv(b, b.input);
      b.matmul(b.input, b.param("w", [3, 2], "weight"), "other");
    }),
    "1>3 other",
  );
  // No axis of [N,2,3] becomes the last one of [N,6,1].
  assert.is(axes((b) => b.matmul(b.reshape(b.input, [6, 1]), b.param("w", [1, 2], "weight"), "m"), [2, 3]), "1>2 m");
});

test("a group of a group norm hangs together", () => {
  assert.is(links((b) => b.groupNorm(b.input, { name: "n", groups: 2 })), "0=0 0=1 1=0 1=1 2=2 2=3 3=2 3=3");
});

test("operands tie channel by channel, and an operand of one channel is spread over all", () => {
  assert.is(links((b) => b.add(b.input, b.relu(b.input))), "0=0 0=b0 1=1 1=b1 2=2 2=b2 3=3 3=b3");
  const map = (b: Builder) => b.conv(b.input, { name: "c", out: 1, kernel: 1 });
  assert.is(links((b) => b.mul(b.input, map(b))), "0=0 0*b0 1=1 1*b0 2=2 2*b0 3=3 3*b0");
});

test("layers have no links, for their weights tell what they read", () => {
  assert.is(links((b) => b.conv(b.input, { name: "c", out: 2, kernel: 1 })), "");
  assert.is(links((b) => b.gemm(b.input, { name: "f", out: 2 }), [4]), "");
});

test("an operator from which no channel can go alone ties all of what it reads to all of what it makes", () => {
  const first = "0=0 1=0 2=0";
  assert.is(links((b) => b.softmax(b.transpose(b.reshape(b.input, [3, 8]), [0, 2, 1]))), `${first} 0=0 0=1 0=2`);
});

test("Concat, Slice and Pad link channels at their offsets", () => {
  assert.is(
    links((b) => b.concat([b.slice(b.input, { axes: [1], starts: [0], ends: [2] }), b.input])),
    "0=0 1=1 2=b0 3=b1 4=b2 5=b3",
  );
  assert.is(links((b) => b.slice(b.input, { axes: [1], starts: [1], ends: [4], steps: [2] })), "0=1 1=3");
  assert.is(links((b) => b.slice(b.input, { axes: [2], starts: [1], ends: [2] })), "0=0 1=1 2=2 3=3");
  assert.is(links((b) => b.pad(b.input, [0, 2, 0, 0], [0, 1, 0, 1])), "2=0 3=1 4=2 5=3");
});

test("what stays of a slice's channels is gathered where it stands unevenly, behind the slice of the other axes", () => {
  const written = (range: Parameters<Builder["slice"]>[1]) => {
    const { node, numbered } = last((b) => b.slice(b.input, range), [6, 2, 3]);
    const nodes: Node[] = [];
    const emission: Partial<Emission> = {
      numbered: { ...numbered, model: { graph: numbered.graph, params: new Map() } },
      // Channel 3 of six is gone; 0, 2 and 4 now stand at 0, 2 and 3.
      kept: (value) => value === node.inputs[0] ? [0, 1, 2, 4, 5] : [0, 1, 2],
      node: (made) => nodes.push(made),
      fresh: (base) => base,
    };
    SELECTIONS.Slice.rewrite(node, emission as Emission);
    return nodes.map(({ op, attrs: { axes, indices } }) => `${op} ${axes ?? indices}`);
  };
  assert.equal(written({ axes: [1], starts: [0], ends: [6], steps: [2] }), ["Gather 0,2,3"]);
  const rows = { axes: [1, 2], starts: [0, 0], ends: [6, 1], steps: [2, 1] };
  assert.equal(written(rows), ["Slice 2", "Gather 0,2,3"]);
});

test("a pad adds those of its channels that stay, and where none does the padded value stands for it", () => {
  const { node, numbered } = last((b) => b.pad(b.input, [0, 2, 0, 0], [0, 1, 0, 0]));
  const written = (made: readonly number[]) => {
    const found: string[] = [];
    const emission: Partial<Emission> = {
      numbered: { ...numbered, model: { graph: numbered.graph, params: new Map() } },
      kept: (value) => value === node.inputs[0] ? [0, 1, 2, 3] : made,
      node: ({ attrs }) => found.push(`${attrs.pads}`),
      alias: (_made, value) => found.push(value),
    };
    SELECTIONS.Pad.rewrite(node, emission as Emission);
    return found;
  };
  assert.equal(written([0, 2, 3, 4, 5, 6]), ["0,1,0,0,0,1,0,0"]);
  assert.equal(written([2, 3, 4, 5]), [node.inputs[0]]);
});

test("a plane of parameters in a Concat has channels that hang on nothing", () => {
  assert.is(links((b) => b.concat([b.param("p", [1, 1, 2, 3], "table"), b.input])), "1=0 2=1 3=2 4=3");
});

test("a copy reads its original, which can do without it", () => {
  assert.is(links((b) => b.gather(b.input, [3, 0, 0])), "0<3 1<0 2<0");
});

test("a reshape ties channels whose numbers overlap", () => {
  assert.is(links((b) => b.flatten(b.input), [2, 1, 3]), "0=0 1=0 2=0 3=1 4=1 5=1");
  assert.is(links((b) => b.reshape(b.input, [2, 4, 3])), "0=0 0=1 1=2 1=3");
  assert.is(links((b) => b.reshape(b.input, [3, 8])), "0=0 0=1 1=1 1=2 2=2 2=3");
});

test("a reshape that leaves no axis but that of the samples takes its channel whole", () => {
  const { node, numbered } = last((b) => b.reshape(b.input, []), [1, 1, 1]);
  assert.match(RESHAPES.Reshape.whole(node, numbered)!, /cuts the channels/);
  assert.is(numbered.channels.total, 2);
});

test("a reshape that cuts channels into pieces is whole, and its channels are taken for those of axis 1", () => {
  const { node, numbered } = last((b) => b.reshape(b.transpose(b.relu(b.input), [0, 2, 3, 1]), [8, 3]));
  assert.match(RESHAPES.Reshape.whole(node, numbered)!, /cuts the channels/);
  const { channels } = numbered;
  const [y] = node.outputs;
  assert.equal([channels.axis(y), channels.width(y)], [1, 8]);
});

test("channels that stand last come again in a flattened image, and in halves of tokens", () => {
  const last = (rest: readonly number[]) => links((b) => b.reshape(b.transpose(b.input, [0, 2, 1]), rest), [4, 2]);
  assert.is(last([8]), "0=0 1=1 2=2 3=3 4=0 5=1 6=2 7=3");
  assert.is(last([4, 2]), "0=0 0=2 1=1 1=3");
  assert.is(last([2, 2, 2]), "0=0 0=1 1=2 1=3");
});

test("features of a sample that are cut into three axes begin along the first, for they are no tokens", () => {
  assert.is(links((b) => b.reshape(b.input, [2, 3, 2]), [12]), "0=0 0=1 0=2 0=3 0=4 0=5 1=6 1=7 1=8 1=9 1=10 1=11");
});

test("features of tokens that are cut into two axes begin along the first of them", () => {
  const make = (b: Builder) => b.reshape(b.transpose(b.input, [0, 2, 1]), [3, 2, 2]);
  assert.is(links(make, [4, 3]), "0=0 0=1 1=2 1=3");
});

test("features cut into queries, keys and values of heads come again in each of the three", () => {
  // 12 features of 2 tokens: three kinds of two heads of two features.
  const make = (b: Builder) => b.reshape(b.transpose(b.input, [0, 2, 1]), [2, 3, 2, 2]);
  assert.is(links(make, [12, 2]), "0=0 0=1 0=4 0=5 0=8 0=9 1=2 1=3 1=6 1=7 1=10 1=11");
});

test("attention ties a head's queries, keys and values", () => {
  const make = (b: Builder) => b.attention(b.input, b.relu(b.input), b.tanh(b.input));
  assert.is(links(make, [2, 2, 3]), "0=0 0=b0 0=c0 1=1 1=b1 1=c1");
});

test("a sum takes over a pending bias if its parameter is a bias with one number per channel", () => {
  const takes = (make: (b: Builder) => string, shape: readonly number[], role: "bias" | "gamma") => {
    const { node, numbered } = last((b) => b.add(make(b), b.param("p", shape, role)));
    return ARITHMETIC.Add.takesPendingBias(node, node.inputs[0], numbered);
  };
  const image = (b: Builder) => b.relu(b.input);
  const tokens = (b: Builder) => b.transpose(b.reshape(b.input, [6, 4]), [0, 2, 1]);
  assert.ok(takes(image, [4], "bias"));
  assert.ok(takes(tokens, [1, 1, 6], "bias"));
  assert.not(takes(image, [4], "gamma"));
  assert.not(takes(image, [1, 1, 2, 3], "bias"));
  // Six numbers for six tokens of six channels stand along the tokens.
  const square = (b: Builder) => b.matmul(b.transpose(tokens(b), [0, 2, 1]), b.param("w", [4, 6], "weight"));
  assert.ok(takes(square, [1, 1, 6], "bias"));
  assert.not(takes(square, [1, 6, 1], "bias"));
});

test("a parameter's axis is that of the channels, or none where it is the same for all of them", () => {
  const axis = (shape: readonly number[], make: (b: Builder, p: string) => string, input?: readonly number[]) => {
    const { node, numbered } = last((b) => make(b, b.param("p", shape, "bias")), input);
    return parameterAxis(numbered, node, "p");
  };
  const add = (b: Builder, p: string) => b.add(b.input, p);
  assert.is(axis([4], add), 0);
  assert.is(axis([4, 1, 1], add), 0);
  assert.is(axis([1, 4, 1, 1], add), 1);
  assert.is(axis([1, 1, 2, 3], add), null);
  const tokens = (b: Builder) => b.transpose(b.reshape(b.input, [4, 6]), [0, 2, 1]);
  assert.is(axis([1, 1, 4], (b, p) => b.add(tokens(b), p)), 2);
  assert.is(axis([1, 6, 1], (b, p) => b.add(tokens(b), p)), null);
  assert.is(axis([6], (b, p) => b.add(tokens(b), p)), null);
});

test("parameters of norms and slopes have an entry per channel, where the channels stand on axis 1", () => {
  const { node, numbered } = last((b) => b.batchNorm(b.input, { name: "n" }));
  assert.equal(node.inputs.slice(1).map((name) => parameterAxis(numbered, node, name)), [0, 0, 0, 0]);
  const sloped = (make: (b: Builder) => string) => {
    const { node, numbered } = last((b) => b.prelu(make(b), { name: "p" }));
    return parameterAxis(numbered, node, "p.weight");
  };
  assert.is(sloped((b) => b.input), 0);
  assert.is(sloped((b) => b.transpose(b.reshape(b.input, [4, 6]), [0, 2, 1])), null);
});

test("statistics and divisors are never zeroed", () => {
  const zeroable = (make: (b: Builder) => unknown) => {
    const { node, numbered } = last(make);
    return zeroableParameters(numbered, node);
  };
  assert.equal(zeroable((b) => b.batchNorm(b.input, { name: "n" })), ["n.weight", "n.bias"]);
  assert.equal(zeroable((b) => b.div(b.input, b.param("p", [4], "gamma"))), []);
  assert.equal(zeroable((b) => b.div(b.param("p", [4], "gamma"), b.input)), ["p"]);
  assert.equal(zeroable((b) => b.sub(b.input, b.param("p", [4], "bias"))), ["p"]);
});

test.run();
