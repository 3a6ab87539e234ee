/**
 * What the values between two others are as functions of the first, without any number: which pixels each reads, by which
 * stride, in how many groups of channels, and where the border of a zero-padded value in between cuts a part of it off.
 */
import { inferShapes } from "../../graph/infer.ts";
import type { Graph, Node, Shape } from "../../graph/types.ts";
import { affineStep, type NotAffine } from "./affine_ops.ts";
import type { LayerStep, Layout, Step, SumStep, TableStep, Window } from "./affine_steps.ts";

/**
 * A value along one axis of pixels. Its line i reads lines i · stride + offset of the run's input, for the offsets in
 * question. Lines that read alike have the same number in `kernels`; lines to which the same constants are added have the
 * same number in `shifts`.
 */
export interface AxisTrace {
  readonly size: number;
  /** Lines of the run's input. */
  readonly inputSize: number;
  readonly stride: number;
  /** Ascending. */
  readonly offsets: readonly number[];
  readonly kernels: readonly number[];
  /** The number of a line that no border cuts anything off. */
  readonly whole: number;
  readonly shifts: readonly number[];
  /**
   * What a number in `kernels`, and one in `shifts`, is made of: for each line of the window, or for each operand of a sum, the
   * number of the value read; CUT where there is no such line.
   */
  readonly kernelParts: (number: number) => readonly number[];
  readonly shiftParts: (number: number) => readonly number[];
}

/** One value of an affine run. */
export interface Trace {
  /** What makes it; undefined for the input. */
  readonly step?: Step;
  readonly layout: Layout;
  readonly channels: number;
  /** Channels of the run's input. */
  readonly inputs: number;
  /** Channels and filters fall into this many blocks that don't see each other. */
  readonly groups: number;
  /** Constants are added to it somewhere. */
  readonly shifted: boolean;
  readonly axes: readonly [AxisTrace, AxisTrace];
}

export interface Traces {
  readonly input: string;
  /** By value; those of the run's nodes that come before what isn't affine. */
  readonly values: ReadonlyMap<string, Trace>;
  /** The first node that isn't affine, and why, as a clause. */
  readonly stopped?: NotAffine & { readonly node: Node };
}

/** In the place of a number: beyond the border of a value that is padded with zeros. */
export const CUT = -1;

/** Traces nodes that stand in order of execution, for the layout of the input that gets furthest. */
export function trace(
  graph: Graph,
  input: string,
  nodes: readonly Node[],
  shapes: ReadonlyMap<string, Shape> = inferShapes(graph),
): Traces {
  return layoutsOf(shapes.get(input)!).map((layout) => traceFrom(graph, shapes, input, layout, nodes))
    .reduce((best, next) => next.values.size > best.values.size ? next : best);
}

/** Channels stand in axis 1 or in the last one. */
function layoutsOf(shape: Shape): Layout[] {
  if (shape.length === 2) return [{ channels: 1, pixels: [null, null] }];
  if (shape.length === 3) return [{ channels: 2, pixels: [1, null] }, { channels: 1, pixels: [2, null] }];
  return [{ channels: 1, pixels: [2, 3] }, { channels: 3, pixels: [1, 2] }];
}

function traceFrom(
  graph: Graph,
  shapes: ReadonlyMap<string, Shape>,
  input: string,
  layout: Layout,
  nodes: readonly Node[],
): Traces {
  const layouts = new Map([[input, layout]]);
  const values = new Map([[input, inputTrace(layout, shapes.get(input)!)]]);
  for (const node of nodes) {
    const step = affineStep(node, { graph, shapes, layouts });
    const made = "refused" in step ? step : follow(node, step, values, shapes.get(node.outputs[0])!);
    if ("refused" in made) return { input, values, stopped: { node, refused: made.refused } };
    values.set(node.outputs[0], made);
    layouts.set(node.outputs[0], made.layout);
  }
  return { input, values };
}

function inputTrace(layout: Layout, shape: Shape): Trace {
  const channels = shape[layout.channels] as number;
  const along = (axis: number | null): AxisTrace => {
    const size = axis === null ? 1 : shape[axis] as number;
    const kernels = new Array<number>(size).fill(0);
    const parts = (number: number) => [number];
    const alike = { kernels, whole: 0, shifts: kernels, kernelParts: parts, shiftParts: parts };
    return { size, inputSize: size, stride: 1, offsets: [0], ...alike };
  };
  return {
    layout,
    channels,
    inputs: channels,
    groups: channels,
    shifted: false,
    axes: [along(layout.pixels[0]), along(layout.pixels[1])],
  };
}

function follow(node: Node, step: Step, values: ReadonlyMap<string, Trace>, shape: Shape): Trace | NotAffine {
  if (step.kind === "same") return { ...values.get(step.read)!, step, layout: step.layout };
  if (step.kind === "sum") return addUp(node, step, values);
  if (step.kind === "table") return addTable(step, values.get(step.read)!);
  const read = values.get(step.read)!;
  const { pixels } = step.layout;
  const along = (axis: 0 | 1) => {
    const place = pixels[axis];
    return slide(read.axes[axis], step, step.windows[axis], place === null ? 1 : shape[place] as number, read.shifted);
  };
  return {
    step,
    layout: step.layout,
    channels: step.filters,
    inputs: read.inputs,
    groups: greatestCommonDivisor(step.groups, read.groups),
    shifted: step.bias || read.shifted,
    axes: [along(0), along(1)],
  };
}

function addUp(node: Node, step: SumStep, values: ReadonlyMap<string, Trace>): Trace | NotAffine {
  const reads = step.reads.map((name) => values.get(name)!);
  const strides = new Set(reads.map(({ axes }) => axes.map(({ stride }) => stride).join("×")));
  if (strides.size > 1) {
    return {
      refused: `the branches that its ${node.op} "${node.name}" adds up have strides ${[...strides].join(" and ")}`,
    };
  }
  const along = (axis: 0 | 1): AxisTrace => {
    const parts = reads.map(({ axes }) => axes[axis]);
    const kernels = numbering();
    const shifts = numbering();
    const whole = kernels.number(parts.map((part) => part.whole));
    return {
      ...parts[0],
      offsets: sorted(parts.flatMap(({ offsets }) => offsets)),
      kernels: parts[0].kernels.map((_, i) => kernels.number(parts.map((part) => part.kernels[i]))),
      whole,
      shifts: parts[0].shifts.map((_, i) => shifts.number(parts.map((part) => part.shifts[i]))),
      kernelParts: kernels.parts,
      shiftParts: shifts.parts,
    };
  };
  const joins = step.firsts.some((first) => first > 0);
  return {
    step,
    layout: step.layout,
    channels: step.filters,
    inputs: reads[0].inputs,
    groups: joins ? 1 : reads.map(({ groups }) => groups).reduce(greatestCommonDivisor),
    shifted: reads.some(({ shifted }) => shifted),
    axes: [along(0), along(1)],
  };
}

/** The same kernels; constants differ from region to region. */
function addTable(step: TableStep, read: Trace): Trace {
  const along = (axis: AxisTrace, regions: readonly number[]): AxisTrace => {
    const shifts = numbering();
    return {
      ...axis,
      shifts: axis.shifts.map((number, i) => shifts.number([number, regions[i]])),
      kernelParts: (number) => [number],
      shiftParts: shifts.parts,
    };
  };
  return { ...read, step, shifted: true, axes: [along(read.axes[0], step.rows), along(read.axes[1], step.cols)] };
}

/** A window over a value's lines. */
function slide(read: AxisTrace, { average }: LayerStep, window: Window, size: number, shifted: boolean): AxisTrace {
  const { kernel, stride, pad, dilation } = window;
  const places = Array.from({ length: kernel }, (_, p) => p * dilation - pad);
  const kernels = numbering();
  const shifts = numbering();
  const inside = (line: number) => line >= 0 && line < read.size;
  // Where all that a line would read lies outside of the input there are zeros, whether it is cut off or not.
  const readsZeros = (line: number) => {
    const first = line * read.stride;
    return read.offsets.every((offset) => first + offset < 0 || first + offset >= read.inputSize);
  };
  const whole = kernels.number(places.map(() => read.whole));
  const lines = Array.from({ length: size }, (_, i) => places.map((place) => i * stride + place));
  return {
    size,
    inputSize: read.inputSize,
    stride: stride * read.stride,
    offsets: sorted(places.flatMap((place) => read.offsets.map((offset) => place * read.stride + offset))),
    kernels: lines.map((line) =>
      kernels.number(line.map((at) => {
        if (average === "none" && readsZeros(at)) return read.whole;
        return inside(at) ? read.kernels[at] : CUT;
      }))
    ),
    whole,
    // Nothing is added to what is read: then no border cuts any of it off.
    shifts: lines.map((line) => shifts.number(shifted ? line.map((at) => inside(at) ? read.shifts[at] : CUT) : [])),
    kernelParts: kernels.parts,
    shiftParts: shifts.parts,
  };
}

/** Numbers lists by what they hold. */
function numbering() {
  const numbers = new Map<string, number>();
  const lists: (readonly number[])[] = [];
  return {
    number(parts: readonly number[]): number {
      const key = parts.join();
      const known = numbers.get(key);
      if (known !== undefined) return known;
      numbers.set(key, lists.length);
      return lists.push(parts) - 1;
    },
    parts: (number: number) => lists[number],
  };
}

function sorted(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}

export function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
