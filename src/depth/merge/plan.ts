/**
 * What affine layers between two values become, decided from the graph alone: no number is read, so that a form can be priced
 * before anything is trained.
 *
 * Layers in a row, and branches that are added up, are one layer (a convolution of a convolution is one of
 * k₁ + (k₂ − 1)·s₁). Whether one layer is also cheaper is another question: by default the plan has those layers
 * that take the fewest multiply-adds, then the fewest steps.
 */
import { inferShapes } from "../../graph/infer.ts";
import { opOf } from "../../graph/ops/ops.ts";
import type { Pads, Pair } from "../../graph/attrs.ts";
import type { Graph, Node, Shape } from "../../graph/types.ts";
import { type Layout, sameLayout } from "./affine_steps.ts";
import { type Passage, passage, type Region } from "./region.ts";
import { type AxisTrace, greatestCommonDivisor, type Trace, trace, type Traces } from "./trace.ts";

/** "fewest macs": those layers that take the fewest multiply-adds. "one": one layer, whatever it takes. */
export type MergeGoal = "fewest macs" | "one";

/** How affine layers are merged. */
export interface MergeOptions {
  /** Default "fewest macs". */
  readonly layers?: MergeGoal;
}

/** One layer in the place of several nodes. */
export interface MergedLayer extends Region {
  /** What it takes the place of, in order of execution. */
  readonly nodes: readonly string[];
  /** A convolution of images, or a product over the last axis of rows [N,K] or tokens [N,T,K]. */
  readonly kind: "conv" | "linear";
  readonly channels: number;
  readonly filters: number;
  readonly group: number;
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly pads: Pads;
  readonly dilations: Pair;
  /** Whether it adds constants. */
  readonly bias: boolean;
  /**
   * What depends on where an output pixel lies, because values in between were padded with zeros: nothing; the bias, which a
   * BorderBias then adds; or the kernel and the bias, which a RegionConv picks.
   */
  readonly border: "none" | "bias" | "kernel";
  /** For each output row and column which region it lies in; 0 is the one that most lie in. */
  readonly rows: readonly number[];
  readonly cols: readonly number[];
  readonly macs: number;
  /** Numbers stored. */
  readonly params: number;
}

/** What a region becomes. */
export interface MergePlan extends Region {
  /** The last value that is an affine function of the input: what the tail reads, or the output itself. */
  readonly core: string;
  /** In order of execution. Nodes that are in none of them stay as they are. */
  readonly layers: readonly MergedLayer[];
  /** Nodes after `core`, which stay: an activation, and batch norms after it. */
  readonly tail: readonly string[];
  /** Multiply-adds for one sample of all nodes from input to output, now and merged. */
  readonly macs: { readonly before: number; readonly after: number };
}

export interface MergeRefused {
  /** Why, as a clause: `its Relu "relu1" isn't linear`. */
  readonly refused: string;
}

/**
 * What the layers between two values become. Numbers play no part.
 *
 * @throws UserError where the graph isn't valid
 */
export function planMerge(graph: Graph, region: Region, options: MergeOptions = {}): MergePlan | MergeRefused {
  const { input, output } = region;
  const shapes = inferShapes(graph);
  const planner = { graph, shapes };
  const whole = passage(graph, { input, output });
  if ("refused" in whole) return whole;
  const traces = trace(graph, input, whole.nodes, shapes);
  const core = coreOf(graph, whole, traces);
  const tail = nodesAfter(whole, core);
  if (core === input || macsOf(planner, tail) > 0) {
    return { refused: traces.stopped?.refused ?? NO_LAYER };
  }
  if (!hasLayer(traces)) return { refused: NO_LAYER };
  const inner = passage(graph, { input, output: core }) as Passage;
  const way = options.layers === "one" ? oneLayer(planner, inner) : cheapest(planner, inner);
  if ("refused" in way) return way;
  if (way.layers.length === 0) return { refused: "none of its layers can be merged with another one" };
  const before = macsOf(planner, whole.nodes);
  const after = way.macs + macsOf(planner, tail);
  return { input, output, core, layers: way.layers, tail: tail.map(({ name }) => name), macs: { before, after } };
}

interface Planner {
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, Shape>;
}

/** One way to compute a region. */
interface Way {
  readonly macs: number;
  /** Nodes. */
  readonly steps: number;
  readonly layers: readonly MergedLayer[];
}

const NO_LAYER = "it has no layer";

function hasLayer({ values }: Traces): boolean {
  return values.values().some(({ step }) => step?.kind === "layer" && step.weighted);
}

/** The last gate before whatever isn't affine. */
function coreOf(graph: Graph, { nodes, gates }: Passage, { stopped, input }: Traces): string {
  if (!stopped) return gates[0];
  const before = new Set(graph.nodes.slice(0, graph.nodes.indexOf(stopped.node)).flatMap(({ outputs }) => outputs));
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  return gates.find((gate) => made.has(gate) && before.has(gate)) ?? input;
}

function nodesAfter({ nodes }: Passage, core: string): Node[] {
  return nodes.slice(nodes.findIndex(({ outputs }) => outputs.includes(core)) + 1);
}

/** The whole passage as one layer. */
function oneLayer(planner: Planner, whole: Passage): Way | MergeRefused {
  const { gates, read } = whole;
  const [kept] = read;
  if (kept !== undefined) return { refused: `"${kept}" in the midst of it is read elsewhere too` };
  const layer = mergedLayer(planner, { input: gates[gates.length - 1], output: gates[0] }, whole.nodes);
  return "refused" in layer ? layer : wayOf(layer);
}

/** The way of the fewest multiply-adds, then of the fewest steps: between any two gates either one layer, or what stands there. */
function cheapest(planner: Planner, { nodes, gates, read }: Passage): Way {
  const order = gates.toReversed();
  const places = order.map((gate) => nodes.findIndex(({ outputs }) => outputs.includes(gate)) + 1);
  const best: Way[] = [{ macs: 0, steps: 0, layers: [] }];
  for (let to = 1; to < order.length; to++) {
    const ways: Way[] = [];
    for (let from = to - 1; from >= 0; from--) {
      const between = nodes.slice(places[from], places[to]);
      const region = { input: order[from], output: order[to] };
      // One after the other: what stands there first, so that a layer has to be better.
      if (from === to - 1) ways.push(joined(best[from], kept(planner, region, between)));
      const layer = mergedLayer(planner, region, between);
      if (!("refused" in layer)) ways.push(joined(best[from], wayOf(layer)));
      if (read.has(order[from])) break;
    }
    best.push(ways.reduce((a, b) => isBetter(b, a) ? b : a));
  }
  return best[best.length - 1];
}

/** Nodes between two neighbouring gates as they stand; the branches of a sum each in their own cheapest way. */
function kept(planner: Planner, { input }: Region, nodes: readonly Node[]): Way {
  const [last] = nodes.slice(-1);
  const own: Way = { macs: macsOf(planner, [last]), steps: 1, layers: [] };
  if (nodes.length === 1) return own;
  const { graph } = planner;
  const branches = last.inputs.filter((name) => name !== input && !(name in graph.params))
    .map((output) => passage(graph, { input, output }));
  const ways = branches.map((branch) => "refused" in branch ? undefined : cheapest(planner, branch));
  // Branches that share some of their values have no ways of their own.
  const counted = branches.reduce((sum, branch) => sum + ("refused" in branch ? 0 : branch.nodes.length), 1);
  if (counted !== nodes.length || ways.includes(undefined)) {
    return { macs: macsOf(planner, nodes), steps: nodes.length, layers: [] };
  }
  return (ways as Way[]).reduce(joined, own);
}

function joined(a: Way, b: Way): Way {
  return { macs: a.macs + b.macs, steps: a.steps + b.steps, layers: [...a.layers, ...b.layers] };
}

function isBetter(a: Way, b: Way): boolean {
  return a.macs < b.macs || (a.macs === b.macs && a.steps < b.steps);
}

/** What executes regions takes a step for the inside, and more for the border. */
const BORDER_STEPS: Readonly<Record<MergedLayer["border"], number>> = { none: 0, bias: 1, kernel: 2 };

function wayOf(layer: MergedLayer): Way {
  const sum = layer.kind === "linear" && layer.bias ? 1 : 0;
  return { macs: layer.macs, steps: 1 + sum + BORDER_STEPS[layer.border], layers: [layer] };
}

function macsOf({ graph, shapes }: Planner, nodes: readonly Node[]): number {
  return nodes.reduce((total, node) => {
    const inputs = node.inputs.map((name) => shapes.get(name) ?? graph.params[name].shape);
    return total + opOf(node).macs(inputs, shapes.get(node.outputs[0])!);
  }, 0);
}

/** These nodes as one layer. */
function mergedLayer(
  { graph, shapes }: Planner,
  { input, output }: Region,
  nodes: readonly Node[],
): MergedLayer | MergeRefused {
  const traces = trace(graph, input, nodes, shapes);
  const { values, stopped } = traces;
  if (stopped) return { refused: stopped.refused };
  if (!hasLayer(traces)) return { refused: NO_LAYER };
  const [from, to] = [values.get(input)!, values.get(output)!];
  if (!sameLayout(from.layout, to.layout)) {
    return { refused: "its output has its axes in another order than its input" };
  }
  const named = { input, output, nodes: nodes.map(({ name }) => name) };
  return isImage(to.layout) ? convOf(named, from, to) : linearOf(named, from, to);
}

function isImage({ channels, pixels: [, cols] }: Layout): boolean {
  return channels === 1 && cols !== null;
}

type Named = Region & Pick<MergedLayer, "nodes">;

function convOf(named: Named, from: Trace, to: Trace): MergedLayer {
  const [rows, cols] = to.axes.map(windowOf);
  const border = borderOf(to);
  const regions = border === "none" ? undefined : regionsOf(to, border);
  const perKernel = to.channels * (from.channels / to.groups) * rows.kernel * cols.kernel;
  return {
    ...named,
    kind: "conv",
    channels: from.channels,
    filters: to.channels,
    group: to.groups,
    kernel: [rows.kernel, cols.kernel],
    strides: [rows.stride, cols.stride],
    pads: [rows.pads[0], cols.pads[0], rows.pads[1], cols.pads[1]],
    dilations: [rows.dilation, cols.dilation],
    bias: to.shifted,
    border,
    rows: regions?.rows ?? to.axes[0].kernels.map(() => 0),
    cols: regions?.cols ?? to.axes[1].kernels.map(() => 0),
    macs: perKernel * to.axes[0].size * to.axes[1].size,
    params: (border === "kernel" ? perKernel * regions!.count : perKernel) +
      (to.shifted || border === "kernel" ? to.channels * (regions?.count ?? 1) : 0),
  };
}

function linearOf(named: Named, from: Trace, to: Trace): MergedLayer | MergeRefused {
  const { layout: { channels: axis }, axes } = to;
  const moves = axes.some(({ size, inputSize, offsets }) => size !== inputSize || offsets.join() !== "0");
  const last = to.layout.pixels.every((pixels) => pixels === null || pixels < axis);
  if (moves || !last) return { refused: "it moves pixels or tokens, as no product over the last axis does" };
  const weight = from.channels * to.channels;
  return {
    ...named,
    kind: "linear",
    channels: from.channels,
    filters: to.channels,
    group: 1,
    kernel: [1, 1],
    strides: [1, 1],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
    bias: to.shifted,
    border: "none",
    rows: axes[0].kernels.map(() => 0),
    cols: axes[1].kernels.map(() => 0),
    macs: weight * axes[0].size * axes[1].size,
    params: weight + (to.shifted ? to.channels : 0),
  };
}

/** A kernel that reaches all offsets, with the pads that make it as many lines as there are. */
function windowOf({ size, inputSize, stride, offsets }: AxisTrace) {
  const steps = offsets.slice(1).map((offset, i) => offset - offsets[i]);
  const dilation = steps.reduce(greatestCommonDivisor, 0) || 1;
  // Pads aren't negative: what begins inside of the image gets leading zeros, what ends early trailing ones.
  const first = offsets[0] > 0 ? offsets[0] - Math.ceil(offsets[0] / dilation) * dilation : offsets[0];
  let kernel = (offsets[offsets.length - 1] - first) / dilation + 1;
  const missing = () => (size - 1) * stride + (kernel - 1) * dilation + 1 + first - inputSize;
  while (missing() + stride <= 0) kernel++;
  return { kernel, stride, dilation, pads: [-first, Math.max(0, missing())] as const };
}

function borderOf({ axes, shifted }: Trace): MergedLayer["border"] {
  const differ = (numbers: readonly number[]) => numbers.some((number) => number !== numbers[0]);
  if (axes.some(({ kernels }) => differ(kernels))) return "kernel";
  return shifted && axes.some(({ shifts }) => differ(shifts)) ? "bias" : "none";
}

interface Regions {
  readonly rows: readonly number[];
  readonly cols: readonly number[];
  /** Rows' regions times columns' regions. */
  readonly count: number;
}

/** Lines that read alike, or to which the same is added, lie in one region. A RegionConv has both. */
function regionsOf({ axes, shifted }: Trace, of: "kernel" | "bias"): Regions {
  const [rows, cols] = axes.map(({ kernels, shifts }) =>
    byFrequency(
      kernels.map((kernel, i) => of === "bias" ? `${shifts[i]}` : shifted ? `${kernel} ${shifts[i]}` : `${kernel}`),
    )
  );
  return { rows, cols, count: (Math.max(...rows) + 1) * (Math.max(...cols) + 1) };
}

/** Numbers for keys, the most frequent first, then by where they first appear. */
function byFrequency(keys: readonly string[]): number[] {
  const distinct = [...new Set(keys)];
  const count = new Map(distinct.map((key) => [key, keys.filter((other) => other === key).length]));
  const order = distinct.toSorted((a, b) => count.get(b)! - count.get(a)!);
  return keys.map((key) => order.indexOf(key));
}
