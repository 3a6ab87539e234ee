/**
 * Lists what a table is asked about: the steps of a network's inference plan, each with what decides its time. It is
 * pure.
 */
import type { ConvAttrs, Pair } from "../../graph/attrs.ts";
import { dropIdentities, foldForInference, withoutFolded } from "../../graph/fold.ts";
import { fuse, type FusedStep, layerOf } from "../../graph/fuse.ts";
import { inferShapes } from "../../graph/infer.ts";
import { concrete, sampleSize } from "../../graph/shapes.ts";
import type { ConvShape } from "../../../kernels/conv/shape.ts";
import type { LayerInference, RegionalConv } from "../../graph/ops/op.ts";
import { opOf } from "../../graph/ops/ops.ts";
import { isView } from "../../graph/roles.ts";
import type { Graph, Model, Node, OpName, Shape } from "../../graph/types.ts";

export type TableStep = LayerStep | RestStep;

/** This is a layer with a weight: everything that decides its time but for its channels is in `shape`. */
export interface LayerStep {
  readonly kind: "layer";
  readonly name: string;
  readonly shape: string;
  /** It reads so many channels, or features; it is a fraction where a layer keeps only some columns of its channels. */
  readonly input: number;
  readonly output: number;
  /** It reads all columns of its channels, or keeps a list of some. */
  readonly columns: "all" | "some";
  readonly probe: ProbeShape;
}

/** A layer of the same shape with other channels is built from this. */
export interface ProbeShape {
  /** These sizes of one image follow the channels of a convolution, or precede the features of a linear layer. */
  readonly extent: readonly number[];
  readonly conv?: ConvAttrs & { readonly kernel: Pair };
  readonly groups: Groups;
  /** They say of a convolution by region in which one each row and column of its output lies. */
  readonly regions?: Pick<RegionalConv, "rows" | "cols">;
  readonly bias: boolean;
  readonly residual: boolean;
  readonly activation: FusedStep["activation"];
}

/**
 * In "dense" every output reads every input. In "wide" so does each of `count` groups with its own. "thin" has many
 * groups of `inputs` and `outputs` channels, of which pruning takes whole ones, so that the outputs follow from the
 * inputs.
 */
export type Groups =
  | { readonly kind: "dense" }
  | { readonly kind: "wide"; readonly count: number }
  | { readonly kind: "thin"; readonly inputs: number; readonly outputs: number };

export interface RestStep {
  readonly kind: "rest";
  readonly name: string;
  readonly op: OpName;
  /** It reads and makes so many numbers, for one image. */
  readonly traffic: number;
}

/** Lists the steps that launch something, in order. */
export function tableSteps(model: Model): TableStep[] {
  return stepsOf(foldForInference(model).model.graph);
}

/** Lists the same without numbers: a bias that folding a batch norm would add isn't among what a step's probe has. */
export function graphSteps(graph: Graph): TableStep[] {
  return stepsOf(withoutFolded(dropIdentities(graph)));
}

function stepsOf(graph: Graph): TableStep[] {
  const shapes = inferShapes(graph);
  return fuse(graph).filter(({ node }) => !isView(node)).map((step) => tableStep(step, graph, shapes));
}

function tableStep(step: FusedStep, graph: Graph, shapes: ReadonlyMap<string, Shape>): TableStep {
  const { node } = step;
  const layer = layerOf(graph, node);
  const regional = regionalStep(step, graph, shapes);
  if (regional) return regional;
  if (!layer) {
    const values = [...node.inputs.filter((name) => shapes.has(name)), step.output];
    const traffic = values.reduce((sum, name) => sum + sampleSize(shapes.get(name)!), 0);
    return { kind: "rest", name: node.name, op: node.op, traffic };
  }
  const sizes = sizesOf(layer, node, shapes.get(node.inputs[0])!, graph.params[node.inputs[1]].shape);
  const probe = {
    bias: step.bias !== undefined,
    residual: step.residual !== undefined,
    activation: step.activation,
    extent: sizes.extent,
    conv: sizes.conv,
    groups: sizes.groups,
  };
  const { input, output, columns } = sizes;
  return { kind: "layer", name: node.name, shape: shapeName(probe), input, output, columns, probe };
}

/** Makes a convolution by region a layer of its own: nothing is fused into it. */
function regionalStep({ node }: FusedStep, graph: Graph, shapes: ReadonlyMap<string, Shape>): LayerStep | undefined {
  const { inference } = opOf(node);
  if (inference.kind !== "regions") return undefined;
  const x = shapes.get(node.inputs[0])!;
  const { conv, rows, cols } = inference.regional(node, concrete(x, 1), graph.params[node.inputs[1]].shape);
  const probe = {
    ...geometryOf(conv, x),
    regions: { rows, cols },
    bias: true,
    residual: false,
    activation: "none",
  } as const;
  const { channels: input, filters: output } = conv;
  return { kind: "layer", name: node.name, shape: shapeName(probe), input, output, columns: "all", probe };
}

type Sizes = Pick<LayerStep, "input" | "output" | "columns"> & Pick<ProbeShape, "extent" | "conv" | "groups">;

function sizesOf(layer: LayerInference, node: Node, x: Shape, weight: readonly number[]): Sizes {
  const problem = layer.layer(node, concrete(x, 1), weight);
  const dense = { kind: "dense" } as const;
  if (problem.kind === "linear") {
    return { input: problem.k, output: problem.n, columns: "all", extent: x.slice(1, -1) as number[], groups: dense };
  }
  const { channels, filters, kernel, taps } = problem.conv;
  const { extent, conv, groups } = geometryOf(problem.conv, x);
  if (taps) {
    const input = taps.length / (kernel[0] * kernel[1]);
    // A linear layer has no window.
    const window = extent.length === 0 ? undefined : conv;
    return { input, output: filters, columns: "some", extent, conv: window, groups: dense };
  }
  return { input: channels, output: filters, columns: "all", extent, conv, groups };
}

function geometryOf(shape: ConvShape, x: Shape) {
  const { channels, filters, kernel, stride: strides, pads, dilation: dilations, groups: group } = shape;
  const perGroup = channels / group;
  const dense = { kind: "dense" } as const;
  const thin = { kind: "thin", inputs: perGroup, outputs: filters / group } as const;
  // These are as pruning takes them (prune/groups/coupling_groups.ts).
  const groups: Groups = group === 1 ? dense : group >= perGroup ? thin : { kind: "wide", count: group };
  return { extent: x.slice(2) as number[], conv: { kernel, strides, pads, dilations, group }, groups };
}

/**
 * Names a shape such as "3×3 convolution of 32×32, stride 2, with a sum". Biases and activations cost next to nothing.
 */
export function shapeName(
  { extent, conv, groups, regions, residual }: Omit<ProbeShape, "bias" | "activation">,
): string {
  const sum = residual ? SUM : "";
  if (!conv) return (extent.length === 0 ? "linear" : `linear of ${extent.join("×")} tokens`) + sum;
  const { kernel, strides, pads, dilations } = conv;
  const parts = [`${kernel.join("×")} convolution of ${extent.join("×")}`];
  if (strides.some((stride) => stride !== 1)) parts.push(`stride ${short(strides)}`);
  if (pads.some((pad) => pad !== 0)) parts.push(`pads ${short(pads)}`);
  if (dilations.some((dilation) => dilation !== 1)) parts.push(`dilation ${short(dilations)}`);
  if (regions) parts.push(`${borderPixels(regions)} pixels by region`);
  if (groups.kind === "wide") parts.push(`${groups.count} groups`);
  if (groups.kind === "thin") parts.push(`groups of ${groups.inputs} → ${groups.outputs}`);
  return parts.join(", ") + sum;
}

/** Counts the pixels that don't lie in the region of most. */
function borderPixels({ rows, cols }: Pick<RegionalConv, "rows" | "cols">): number {
  const inside = [rows, cols].map((lines) => lines.filter((region) => region === 0).length);
  return rows.length * cols.length - inside[0] * inside[1];
}

const SUM = ", with a sum";

/** Gives the same shape with nothing added, or with something. */
export function withoutSum(shape: string): string {
  return shape.endsWith(SUM) ? shape.slice(0, -SUM.length) : shape;
}

export function withSum(shape: string): string {
  return withoutSum(shape) + SUM;
}

/** Gives one number where all are the same. */
function short(numbers: readonly number[]): string {
  return numbers.every((n) => n === numbers[0]) ? String(numbers[0]) : numbers.join(" ");
}
