/**
 * The numbers of merged layers, in float64. A value of an affine run is, at an output line of given numbers (trace.ts), a kernel over
 * the run's input and constants: both follow from those of the value read, for each place of the window that isn't cut off.
 */
import type { LayerNumbers, LayerStep } from "./affine_steps.ts";
import { type AxisTrace, CUT, type Trace, type Traces } from "./trace.ts";

/** A number of trace.ts for rows, and one for columns. */
type Place = readonly [number, number];

export interface Composer {
  /** [filters, channels / groups, rows' offsets, columns' offsets], each in ascending order. */
  kernel(value: string, place: Place): Float64Array;
  /** [filters] */
  shift(value: string, place: Place): Float64Array;
}

/** @param read the numbers of a parameter */
export function composer({ input, values }: Traces, read: (param: string) => Float64Array): Composer {
  const kernels = new Map<string, Float64Array>();
  const shifts = new Map<string, Float64Array>();
  const layers = new Map<LayerStep, LayerNumbers>();
  const numbersOf = (step: LayerStep) => remembered(layers, step, () => step.numbers(read));

  function kernel(value: string, place: Place): Float64Array {
    const { step, ...made } = values.get(value)!;
    if (value === input) return new Float64Array(made.channels).fill(1);
    if (step!.kind === "same" || step!.kind === "table") return kernel(step!.read, place);
    return remembered(kernels, `${value} ${place}`, () => {
      const result = new Float64Array(kernelSize(made));
      if (step!.kind === "sum") {
        step!.reads.forEach((name, operand) => {
          const parts = made.axes.map(({ kernelParts }, axis) => kernelParts(place[axis])[operand]);
          const read = kernel(name, [parts[0], parts[1]]);
          addKernel(result, made, read, values.get(name)!, step!.signs[operand], step!.firsts[operand]);
        });
      } else composeKernel(result, made, step!, numbersOf(step!), values.get(step!.read)!, place, kernel);
      return result;
    });
  }

  function shift(value: string, place: Place): Float64Array {
    const { step, ...made } = values.get(value)!;
    if (value === input) return new Float64Array(made.channels);
    if (step!.kind === "same") return shift(step!.read, place);
    return remembered(shifts, `${value} ${place}`, () => {
      const parts = made.axes.map(({ shiftParts }, axis) => shiftParts(place[axis]));
      if (step!.kind === "sum") {
        const sum = new Float64Array(step!.filters);
        step!.reads.forEach((name, operand) => {
          const [sign, first] = [step!.signs[operand], step!.firsts[operand]];
          shift(name, [parts[0][operand], parts[1][operand]]).forEach((v, f) => sum[first + f] += sign * v);
        });
        return sum;
      }
      if (step!.kind === "table") {
        const table = step!.numbers(read);
        const [height, width] = step!.size;
        const before = shift(step!.read, [parts[0][0], parts[1][0]]);
        return before.map((v, f) => v + table[(f * height + parts[0][1]) * width + parts[1][1]]);
      }
      const { weight, bias } = numbersOf(step!);
      const result = bias ? bias.slice() : new Float64Array(step!.filters);
      const before = values.get(step!.read)!;
      if (before.shifted) {
        composeShift(result, step!, weight, parts, before.channels, (place) => shift(step!.read, place));
      }
      return result;
    });
  }

  return { kernel, shift };
}

/** A layer after a kernel: Σ over the window, and over the channels of its group, of weight times the kernel read there. */
function composeKernel(
  result: Float64Array,
  made: Omit<Trace, "step">,
  step: LayerStep,
  { weight }: LayerNumbers,
  before: Trace,
  place: Place,
  kernel: (value: string, place: Place) => Float64Array,
): void {
  const parts = made.axes.map(({ kernelParts }, axis) => kernelParts(place[axis]));
  const scale = step.average === "inside" ? insideShare(parts) : 1;
  const [kh, kw] = step.windows.map(({ kernel }) => kernel);
  const targets = made.axes.map((axis, i) => targetsOf(axis, before.axes[i], step, i));
  for (let p = 0; p < kh; p++) {
    for (let q = 0; q < kw; q++) {
      if (parts[0][p] === CUT || parts[1][q] === CUT) continue;
      const read = kernel(step.read, [parts[0][p], parts[1][q]]);
      addTap(result, made, step, before, read, [targets[0][p], targets[1][q]], (f, c) => {
        const perGroup = before.channels / step.groups;
        return scale * weight[((f * perGroup + c) * kh + p) * kw + q];
      });
    }
  }
}

/** For each place of the window, where the offsets of the value read stand among those of the value made. */
function targetsOf(made: AxisTrace, before: AxisTrace, { windows }: LayerStep, axis: number): number[][] {
  const { kernel, pad, dilation } = windows[axis];
  return Array.from({ length: kernel }, (_, p) => {
    const moved = (p * dilation - pad) * before.stride;
    return before.offsets.map((offset) => made.offsets.indexOf(moved + offset));
  });
}

/** Adds what one place of the window reads. */
function addTap(
  result: Float64Array,
  made: Omit<Trace, "step">,
  step: LayerStep,
  before: Trace,
  read: Float64Array,
  [rows, cols]: readonly [readonly number[], readonly number[]],
  weightAt: (filter: number, channel: number) => number,
): void {
  const [perMade, perRead] = [made.inputs / made.groups, made.inputs / before.groups];
  const channels = before.channels / step.groups;
  const [height, width] = made.axes.map(({ offsets }) => offsets.length);
  const size = height * width;
  const targets = rows.flatMap((row) => cols.map((col) => row * width + col));
  for (let f = 0; f < made.channels; f++) {
    const firstRead = Math.floor(f / (made.channels / step.groups)) * channels;
    const firstMade = blockOf(f, made) * perMade;
    for (let c = 0; c < channels; c++) {
      const w = weightAt(f, c);
      if (w === 0) continue;
      const from = firstRead + c;
      // Input channels of the block of channels that the channel read lies in, among those of the filter's own block.
      const into = blockOf(from, before) * perRead - firstMade;
      let at = from * perRead * targets.length;
      let base = (f * perMade + into) * size;
      // A product of matrices needs no table: large ones take seconds.
      if (size === 1) {
        for (let i = 0; i < perRead; i++) result[base + i] += w * read[at + i];
        continue;
      }
      for (let i = 0; i < perRead; i++, base += size) {
        for (let t = 0; t < targets.length; t++) result[base + targets[t]] += w * read[at++];
      }
    }
  }
}

/** Adds sign · a kernel of one of a sum's operands to the filters from `first` on. */
function addKernel(
  result: Float64Array,
  made: Omit<Trace, "step">,
  read: Float64Array,
  before: Trace,
  sign: number,
  first: number,
): void {
  const [perMade, perRead] = [made.inputs / made.groups, made.inputs / before.groups];
  const [height, width] = made.axes.map(({ offsets }) => offsets.length);
  const [rows, cols] = made.axes.map(({ offsets }, axis) =>
    before.axes[axis].offsets.map((offset) => offsets.indexOf(offset))
  );
  let at = 0;
  for (let f = 0; f < before.channels; f++) {
    const into = blockOf(f, before) * perRead - blockOf(first + f, made) * perMade;
    for (let i = 0; i < perRead; i++) {
      const base = ((first + f) * perMade + into + i) * height;
      for (const row of rows) for (const col of cols) result[(base + row) * width + col] += sign * read[at++];
    }
  }
}

/** The block of channels that a channel lies in. */
function blockOf(channel: number, { channels, groups }: Pick<Trace, "channels" | "groups">): number {
  return Math.floor(channel / (channels / groups));
}

function composeShift(
  result: Float64Array,
  step: LayerStep,
  weight: Float64Array,
  parts: readonly (readonly number[])[],
  channels: number,
  shift: (place: Place) => Float64Array,
): void {
  const scale = step.average === "inside" ? insideShare(parts) : 1;
  const [kh, kw] = step.windows.map(({ kernel }) => kernel);
  const perGroup = channels / step.groups;
  for (let p = 0; p < kh; p++) {
    for (let q = 0; q < kw; q++) {
      if (parts[0][p] === CUT || parts[1][q] === CUT) continue;
      const read = shift([parts[0][p], parts[1][q]]);
      for (let f = 0; f < step.filters; f++) {
        const first = Math.floor(f / (step.filters / step.groups)) * perGroup;
        for (let c = 0; c < perGroup; c++) {
          result[f] += scale * weight[((f * perGroup + c) * kh + p) * kw + q] * read[first + c];
        }
      }
    }
  }
}

/** One over how many places of the window lie inside. */
function insideShare(parts: readonly (readonly number[])[]): number {
  return 1 / parts.reduce((count, along) => count * along.filter((part) => part !== CUT).length, 1);
}

function kernelSize(made: Omit<Trace, "step">): number {
  const [rows, cols] = made.axes;
  return made.channels * (made.inputs / made.groups) * rows.offsets.length * cols.offsets.length;
}

function remembered<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make();
  known.set(key, made);
  return made;
}
