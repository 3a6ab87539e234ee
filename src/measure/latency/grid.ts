/** Says which widths a table measures. It is pure. */
import type { Groups, LayerStep } from "./steps.ts";

/** These are layers of one shape that are measured together, up to the channels of the largest. */
export interface ShapeGroup {
  readonly step: LayerStep;
  readonly layers: readonly string[];
}

export interface Grid {
  readonly inputs: readonly number[];
  /** It is empty where the outputs follow from the inputs. */
  readonly outputs: readonly number[];
}

/** These go from coarse to fine: each is the part of geometric steps that are taken between 4 and all channels. */
export const FINENESS = ["ends", "quarters", "halves", "fine"] as const;
export type Fineness = (typeof FINENESS)[number];

const LEAST = 4;
/** Closer to the full width than this, a point says nothing that the full width doesn't. */
const CLOSEST = 1.15;

/**
 * Groups layers of one shape, each within the channels of its group's first; what isn't within another's is a group of
 * its own.
 */
export function shapeGroups(steps: readonly LayerStep[]): ShapeGroup[] {
  const groups: { step: LayerStep; layers: string[] }[] = [];
  const largestFirst = steps.toSorted((a, b) => b.input * b.output - a.input * a.output);
  for (const step of largestFirst) {
    const found = groups.find(({ step: first }) =>
      first.shape === step.shape && step.input <= first.input && step.output <= first.output
    );
    if (found) found.layers.push(step.name);
    else groups.push({ step, layers: [step.name] });
  }
  return groups;
}

/**
 * Gives the grid of a group. The channels of the smaller layers in it are points of their own where they are below 4.
 */
export function gridOf({ step: { input, output, probe: { groups } } }: ShapeGroup, fineness: Fineness): Grid {
  const [inputs, outputs] = multiples(groups);
  return {
    inputs: widths(Math.ceil(input), fineness, inputs),
    outputs: groups.kind === "thin" ? [] : widths(output, fineness, outputs),
  };
}

export function pointsOf({ inputs, outputs }: Grid): number {
  return inputs.length * Math.max(1, outputs.length);
}

/**
 * Gives 4, 8, 12, 16, 24, 32, 48 … and `most`, as far as they are multiples of `of`; coarser ones leave some of these
 * out.
 */
export function widths(most: number, fineness: Fineness, of = 1): number[] {
  const between: number[] = [];
  for (let width = LEAST; width < most; width *= 2) {
    const octave = Math.log2(width / LEAST);
    if (octave === 0 || fineness === "fine" || fineness === "halves") between.push(width);
    else if (fineness === "quarters" && octave % 2 === 0) between.push(width);
    if (fineness === "fine" && width > LEAST) between.push(1.5 * width);
  }
  const fitting = between.map((width) => Math.ceil(width / of) * of).filter((width) => width * CLOSEST < most);
  return [...new Set([...fitting, most])];
}

/** Gives what the numbers of inputs and outputs are multiples of. */
function multiples(groups: Groups): readonly [number, number] {
  if (groups.kind === "dense") return [1, 1];
  return groups.kind === "wide" ? [groups.count, groups.count] : [groups.inputs, groups.outputs];
}
