/** Operators that only move numbers, drop some, or repeat them. */

import { dropout } from "../../tensor/ops/dropout.ts";
import { bilinear, resize } from "../../tensor/ops/resize.ts";
import { concat, depthToSpace, gather, pad, reshape, slice, transpose } from "../../tensor/ops/shape.ts";
import { elements } from "../../tensor/tensor.ts";
import {
  channelAxis,
  depthToSpaceAttrs,
  dropoutAttrs,
  gatherAttrs,
  nodeError,
  padAttrs,
  reshapeAttrs,
  type ResizeAttrs,
  resizeAttrs,
  sliceAttrs,
  transposeAttrs,
} from "../attrs.ts";
import {
  concatReference,
  depthToSpaceReference,
  gatherReference,
  padReference,
  resizeReference,
  sameNumbers,
  sliceReference,
  transposeReference,
} from "../reference/layout.ts";
import { sampleSize, shapeText } from "../shapes.ts";
import type { Dim, Node, Shape } from "../types.ts";
import {
  activation,
  ANY_ORDER,
  either,
  FIRST_AXIS,
  NO_ATTRIBUTES,
  NO_MACS,
  type Op,
  operator,
  type Reordered,
} from "./op.ts";
import { requireChannels, requireImage, unchanged } from "./shape_rules.ts";

/** Operators that move numbers and change none, and dropout. */
export type LayoutOpName =
  | "Flatten"
  | "Reshape"
  | "Transpose"
  | "Concat"
  | "Slice"
  | "Pad"
  | "Gather"
  | "Resize"
  | "DepthToSpace"
  | "Dropout"
  | "Identity";

export const LAYOUT_OPS: Readonly<Record<LayoutOpName, Op>> = {
  Flatten: operator({
    inputs: [activation],
    attributes: { names: ["axis"], read: (node) => channelAxis(node) },
    inference: { kind: "view" },
    axes: { kind: "flattens" },
    macs: NO_MACS,
    shape: flattened,
    reference: sameNumbers,
    execute: ({ tape }, [x]) => reshape(tape, x, flattened([x.shape]) as number[]),
  }),
  Reshape: operator({
    inputs: [activation],
    attributes: { names: ["shape"], read: reshapeAttrs },
    inference: { kind: "view" },
    axes: { kind: "permutes", perm: (node, x) => unitsMoved(x, reshaped([x], reshapeAttrs(node), node)) },
    macs: NO_MACS,
    shape: reshaped,
    reference: sameNumbers,
    execute: ({ tape }, [x], attrs, node) => reshape(tape, x, reshaped([x.shape], attrs, node) as number[]),
  }),
  Transpose: operator({
    inputs: [activation],
    attributes: { names: ["perm"], read: (node, [x]) => transposeAttrs(node, x.length) },
    inference: { kind: "kernel" },
    axes: { kind: "permutes", perm: (node, x) => transposeAttrs(node, x.length).perm },
    macs: NO_MACS,
    shape: ([x], { perm }) => perm.map((axis) => x[axis]),
    reference: transposeReference,
    execute: ({ tape }, [x], { perm }) => transpose(tape, x, perm),
  }),
  Concat: operator({
    /** A parameter [1,C,…] among the inputs stands in every sample. */
    inputs: [{ ...either("table"), count: "many" }],
    attributes: { names: ["axis"], read: (node) => channelAxis(node) },
    inference: { kind: "kernel" },
    axes: FIRST_AXIS,
    macs: NO_MACS,
    shape: concatenated,
    reference: concatReference,
    execute: ({ tape }, inputs) => concat(tape, inputs),
  }),
  Slice: operator({
    inputs: [activation],
    attributes: { names: ["axes", "starts", "ends", "steps"], read: (node, [x]) => sliceAttrs(node, x) },
    inference: { kind: "slice", ranges: sliceAttrs },
    axes: { kind: "follows", reordered: slicedElsewhere },
    macs: NO_MACS,
    shape: ([x], ranges) => ranges.map((range, axis) => range ? range.count : x[axis]),
    reference: sliceReference,
    execute: ({ tape }, [x], ranges) => slice(tape, x, ranges),
  }),
  Pad: operator({
    inputs: [activation],
    attributes: { names: ["pads", "mode", "value"], read: (node, [x]) => padAttrs(node, x.length) },
    inference: { kind: "kernel" },
    axes: { kind: "follows", reordered: paddedElsewhere },
    macs: NO_MACS,
    shape: ([x], { begins, ends }) => x.map((d, axis) => axis === 0 ? d : (d as number) + begins[axis] + ends[axis]),
    reference: padReference,
    execute: ({ tape }, [x], { begins, ends }) => pad(tape, x, begins, ends),
  }),
  Gather: operator({
    inputs: [activation],
    attributes: { names: ["axis", "indices"], read: gatherAttrs },
    indices: ["indices"],
    inference: { kind: "kernel" },
    axes: FIRST_AXIS,
    macs: NO_MACS,
    shape([x], { indices }, node) {
      requireChannels(node, x);
      const outside = indices.find((i) => i >= (x[1] as number));
      if (outside !== undefined) throw nodeError(node, `index ${outside} is outside of the input's ${x[1]} channels`);
      return x.map((d, axis) => axis === 1 ? indices.length : d);
    },
    reference: gatherReference,
    execute: ({ tape }, [x], { indices }) => gather(tape, x, indices),
  }),
  Resize: operator({
    inputs: [activation],
    attributes: { names: ["scales", "sizes", "mode", "coordinate_transformation_mode"], read: readResize },
    inference: { kind: "kernel" },
    macs: NO_MACS,
    shape([x], attrs) {
      if (attrs.mode === "linear") return [x[0], x[1], attrs.rows.to, attrs.columns.to];
      return [x[0], x[1], (x[2] as number) * attrs.scales[0], (x[3] as number) * attrs.scales[1]];
    },
    reference: resizeReference,
    execute({ tape }, [x], attrs) {
      return attrs.mode === "linear" ? bilinear(tape, x, attrs.rows, attrs.columns) : resize(tape, x, attrs.scales);
    },
  }),
  DepthToSpace: operator({
    inputs: [activation],
    attributes: { names: ["blocksize", "mode"], read: depthToSpaceAttrs },
    inference: { kind: "kernel" },
    macs: NO_MACS,
    shape([x], { block }, node) {
      requireImage(node, x);
      const [batch, depth, height, width] = x as readonly [Dim, number, number, number];
      if (depth % block ** 2 !== 0) throw nodeError(node, `${depth} channels can't make blocks of ${block}×${block}`);
      return [batch, depth / block ** 2, height * block, width * block];
    },
    reference: depthToSpaceReference,
    execute: ({ tape }, [x], { block, mode }) => depthToSpace(tape, x, block, mode),
  }),
  Dropout: operator({
    inputs: [activation],
    attributes: { names: ["ratio"], read: dropoutAttrs },
    inference: { kind: "identity" },
    axes: ANY_ORDER,
    macs: NO_MACS,
    shape: unchanged,
    reference: sameNumbers,
    execute({ tape, seed = 0, step = 0 }, [x], { ratio }, { name }) {
      return dropout(tape, x, ratio, { seed, stream: name, step });
    },
  }),
  Identity: operator({
    inputs: [activation],
    attributes: NO_ATTRIBUTES,
    inference: { kind: "identity" },
    axes: ANY_ORDER,
    macs: NO_MACS,
    shape: unchanged,
    reference: sameNumbers,
    execute: (_, [x]) => x,
  }),
};

/** Where all that a reshape does is to move axes of size 1, as a Transpose of an image of one channel is written too. */
function unitsMoved(from: Shape, into: Shape): readonly number[] | undefined {
  const axes = (shape: Shape, unit: boolean) => shape.flatMap((d, axis) => (d === 1) === unit ? [axis] : []);
  const [others, units] = [axes(from, false), axes(from, true)];
  const same = others.map((axis) => from[axis]).join() === axes(into, false).map((axis) => into[axis]).join();
  if (!same || from.length !== into.length) return undefined;
  return into.map((d) => (d === 1 ? units : others).shift()!);
}

function slicedElsewhere(node: Node, x: Shape, perm: readonly number[]): Reordered {
  const ranges = sliceAttrs(node, x).flatMap((range, axis) => range ? [{ axis: perm[axis], ...range }] : []);
  return {
    attrs: {
      axes: ranges.map(({ axis }) => axis),
      starts: ranges.map(({ start }) => start),
      ends: ranges.map(({ start, step, count }) => start + step * (count - 1) + 1),
      steps: ranges.map(({ step }) => step),
    },
    perm,
  };
}

function paddedElsewhere(node: Node, x: Shape, perm: readonly number[]): Reordered {
  const { begins, ends } = padAttrs(node, x.length);
  const pads = new Array<number>(2 * x.length).fill(0);
  perm.forEach((there, axis) => {
    pads[there] = begins[axis];
    pads[there + x.length] = ends[axis];
  });
  return { attrs: { ...node.attrs, pads }, perm };
}

function readResize(node: Node, [x]: readonly Shape[]): ResizeAttrs {
  requireImage(node, x);
  return resizeAttrs(node, x[2] as number, x[3] as number);
}

function flattened([x]: readonly Shape[]): Shape {
  return [x[0], sampleSize(x)];
}

function reshaped([x]: readonly Shape[], { shape }: ReturnType<typeof reshapeAttrs>, node: Node): Shape {
  const rest = shape.slice(1).map((d, i) => {
    if (d !== 0) return d;
    if (i + 1 >= x.length) {
      throw nodeError(node, `shape [${shape}] copies dimension ${i + 1}, input ${shapeText(x)} has none`);
    }
    return x[i + 1] as number;
  });
  const known = rest.reduce((size, d) => d === -1 ? size : size * d, 1);
  const size = sampleSize(x);
  const inferred = rest.map((d) => d === -1 ? size / known : d);
  const keepsBatch = shape[0] === 0 || shape[0] === -1 || shape[0] === x[0];
  if (!keepsBatch || !inferred.every(Number.isInteger) || elements(inferred) !== size) {
    throw nodeError(
      node,
      `can't give ${shapeText(x)} the shape [${shape}]: the batch stands first (0) and sizes must agree`,
    );
  }
  return [x[0], ...inferred];
}

function concatenated(inputs: readonly Shape[], _: unknown, node: Node): Shape {
  const first = inputs.find((x) => x[0] !== 1) ?? inputs[0];
  let channels = 0;
  for (const x of inputs) {
    const fits = (d: Dim, axis: number) => axis === 1 || d === first[axis] || (axis === 0 && d === 1);
    if (x.length < 2 || x.length !== first.length || !x.every(fits)) {
      throw nodeError(node, `inputs ${inputs.map(shapeText).join(", ")} differ outside of axis 1`);
    }
    channels += x[1] as number;
  }
  return first.map((d, axis) => axis === 1 ? channels : d);
}
