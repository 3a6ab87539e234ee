/** Operators that put channels together or take some: Concat, Slice, Pad, Gather. */

import { gatherAttrs, padAttrs, sliceAttrs } from "../../graph/attrs.ts";
import type { Attrs, Node, OpName } from "../../graph/types.ts";
import type { Emission } from "./emission.ts";
import {
  joined,
  keptAsItIs,
  meet,
  needsAll,
  neverWhole,
  noParameterAxis,
  sameAxis,
  straightLinks,
  wholeUnlessAligned,
} from "./linked.ts";
import { numberOfChannel } from "./operands.ts";
import type { Fact, Link, LinkedRule, NumberedGraph, NumberedModel, Rule } from "./types.ts";

/** What the four have in common: they copy numbers. */
const copying = {
  kind: "linked",
  axis: sameAxis,
  needs: needsAll,
} as const;

const concat: LinkedRule = {
  ...copying,
  whole: wholeUnlessAligned,
  links: linkConcat,
  constants: concatenated,
  // Along the channels it has some of its own.
  parameterAxis(node, _name, { channels }) {
    const axis = channels.axis(node.outputs[0]);
    return axis === 1 ? null : axis;
  },
  rewrite(node, emission) {
    if (emission.numbered.channels.axis(node.outputs[0]) === 1) emitConcat(node, emission);
    else emission.keepNode(node);
  },
  sparesInputs: true,
};

const slice: LinkedRule = {
  ...copying,
  whole: neverWhole,
  links: linkSlice,
  constants: joined(linkSlice),
  parameterAxis: noParameterAxis,
  rewrite: emitSlice,
};

const pad: LinkedRule = {
  ...copying,
  whole: neverWhole,
  links: linkPad,
  constants: padded,
  parameterAxis: noParameterAxis,
  rewrite: emitPad,
};

const gather: LinkedRule = {
  ...copying,
  whole: neverWhole,
  links: linkGather,
  constants: joined(linkGather),
  parameterAxis: noParameterAxis,
  rewrite(node, emission) {
    const [y] = node.outputs;
    if (emission.numbered.channels.axis(y) !== 1) return keptAsItIs(node, emission);
    const [x] = node.inputs;
    const all = gatherAttrs(node).indices;
    emitGather(node, x, emission.kept(x), emission.kept(y).map((i) => all[i]), emission);
  },
};

export const SELECTIONS = {
  Concat: concat,
  Slice: slice,
  Pad: pad,
  Gather: gather,
} satisfies Partial<Record<OpName, Rule>>;

function linkConcat(node: Node, numbered: NumberedGraph, link: Link): void {
  const { graph, channels } = numbered;
  const [y] = node.outputs;
  if (channels.axis(y) !== 1) return straightLinks(node, numbered, link);
  let offset = channels.base(y);
  for (const input of node.inputs) {
    const width = graph.params[input]?.shape[1] ?? channels.width(input);
    for (let j = 0; j < width; j++) if (channels.has(input)) link(offset + j, channels.base(input) + j, "tie");
    offset += width;
  }
}

function linkSlice(node: Node, { shapes, channels }: NumberedGraph, link: Link): void {
  const [x] = node.inputs;
  const [y] = node.outputs;
  const ranges = sliceAttrs(node, shapes.get(x)!);
  const { start, step } = ranges[channels.axis(y)] ?? { start: 0, step: 1 };
  for (let j = 0; j < channels.width(y); j++) link(channels.base(y) + j, channels.base(x) + start + step * j, "tie");
}

function linkPad(node: Node, { shapes, channels }: NumberedGraph, link: Link): void {
  const [x] = node.inputs;
  const [y] = node.outputs;
  const before = padAttrs(node, shapes.get(x)!.length).begins[channels.axis(y)];
  for (let j = 0; j < channels.width(x); j++) link(channels.base(y) + before + j, channels.base(x) + j, "tie");
}

/** A copy needs its original, which can do without the copy. */
function linkGather(node: Node, numbered: NumberedGraph, link: Link): void {
  const { channels } = numbered;
  const [x] = node.inputs;
  const [y] = node.outputs;
  if (channels.axis(y) !== 1) return straightLinks(node, numbered, link);
  gatherAttrs(node).indices.forEach((i, j) => link(channels.base(y) + j, channels.base(x) + i, "read"));
}

/** Parameters that stand beside a channel's other entries (a class token) have to be of the same value. */
function concatenated(node: Node, numbered: NumberedModel, factOf: (channel: number) => Fact): Fact[] {
  const { graph, channels } = numbered;
  const made = joined(linkConcat)(node, numbered, factOf);
  const axis = channels.axis(node.outputs[0]);
  if (axis === 1) return made;
  const beside = node.inputs.filter((name) => graph.params[name]);
  return made.map((fact, j) =>
    beside.reduce<Fact>((all, name) => meet(all, numberOfChannel(numbered, name, axis, j) ?? "varying"), fact)
  );
}

/** Zeros around an image keep only the constant 0; new channels are 0. */
function padded(node: Node, numbered: NumberedModel, factOf: (channel: number) => Fact): Fact[] {
  const { shapes, channels } = numbered;
  const { begins, ends } = padAttrs(node, shapes.get(node.inputs[0])!.length);
  const axis = channels.axis(node.outputs[0]);
  const borders = [begins, ends].some((side) => side.some((p, i) => i !== axis && p > 0));
  return joined(linkPad, 0)(node, numbered, factOf).map((fact) =>
    typeof fact === "number" && fact !== 0 && borders ? "varying" : fact
  );
}

/** Along the channels: of each operand what stays, and nothing of those of which nothing does. */
function emitConcat(node: Node, e: Emission): void {
  const { graph, channels } = e.numbered;
  const [y] = node.outputs;
  let offset = 0;
  const inputs = node.inputs.flatMap((name) => {
    const width = graph.params[name]?.shape[1] ?? channels.width(name);
    const kept = e.kept(y).map((j) => j - offset).filter((j) => j >= 0 && j < width);
    offset += width;
    return kept.length === 0 ? [] : [graph.params[name] ? e.cut(name, kept, 1) : name];
  });
  if (inputs.length === 1 && channels.has(inputs[0])) e.alias(y, inputs[0]);
  else e.node({ ...node, inputs });
}

function emitPad(node: Node, e: Emission): void {
  const { shapes, channels } = e.numbered;
  const [x] = node.inputs;
  const [y] = node.outputs;
  const axis = channels.axis(y);
  const { begins, ends } = padAttrs(node, shapes.get(x)!.length);
  const kept = e.kept(y);
  const front = kept.filter((j) => j < begins[axis]).length;
  const back = kept.filter((j) => j >= begins[axis] + channels.width(x)).length;
  const pads = [begins.with(axis, front), ends.with(axis, back)].flat();
  if (pads.every((p) => p === 0)) e.alias(y, x);
  else e.node({ ...node, attrs: { ...node.attrs, pads } });
}

/** Kept channels of a slice that don't stand evenly any more are gathered after it. */
function emitSlice(node: Node, e: Emission): void {
  const [x] = node.inputs;
  const [y] = node.outputs;
  const { shapes, channels } = e.numbered;
  const ranges = sliceAttrs(node, shapes.get(x)!);
  const channelAxis = channels.axis(y);
  const taken = ranges[channelAxis];
  const source = e.kept(x);
  const wanted = e.kept(y).map((j) => taken ? taken.start + taken.step * j : j);
  const at = wanted.map((j) => source.indexOf(j));
  const others = ranges.flatMap((r, axis) => r && axis !== channelAxis ? [{ axis, ...r }] : []);
  const step = at.length > 1 ? at[1] - at[0] : 1;
  const even = at.every((p, i) => p === at[0] + step * i);
  const all = at.length === source.length;
  const slices = even && !all ? [{ axis: channelAxis, start: at[0], step, count: at.length }, ...others] : others;
  const attrs: Attrs = {
    axes: slices.map(({ axis }) => axis),
    starts: slices.map(({ start }) => start),
    ends: slices.map(({ start, step, count }) => start + step * (count - 1) + 1),
    steps: slices.map(({ step }) => step),
  };
  if (even || all) return slices.length === 0 ? e.alias(y, x) : e.node({ ...node, attrs });
  if (slices.length === 0) return emitGather(node, x, source, wanted, e);
  const inner = e.fresh(`${y}.sliced`);
  e.node({ ...node, outputs: [inner], attrs });
  emitGather({ ...node, name: e.fresh(`${node.name}.gather`) }, inner, source, wanted, e);
}

function emitGather(
  node: Node,
  x: string,
  source: readonly number[],
  wanted: readonly number[],
  e: Emission,
): void {
  const indices = wanted.map((j) => source.indexOf(j));
  if (indices.length === source.length && indices.every((p, i) => p === i)) return e.alias(node.outputs[0], x);
  e.node({ ...node, op: "Gather", inputs: [x], attrs: { axis: 1, indices } });
}
