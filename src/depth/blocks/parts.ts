/** What a block consists of: its branches, what they are added up by, and the activation at its end. */
import { isSum } from "../../graph/roles.ts";
import type { Node } from "../../graph/types.ts";
import { rowOf, type Step, type Steps } from "./steps.ts";

/** Branches that begin at one value and are added up. */
export interface Residual {
  readonly input: string;
  /** What the last sum makes. */
  readonly output: string;
  /** The one with the most layers first; an empty one hands its input on. */
  readonly branches: readonly (readonly Step[])[];
  /** The sums. */
  readonly sums: readonly Node[];
}

/** The branches behind a sum; undefined where one isn't a row of steps, or two share a part. */
export function residualOf(network: Steps, step: Step): Residual | undefined {
  const { input, output } = step;
  const { operands, sums } = operandsOf(network, step);
  const rows: (readonly Step[])[] = [];
  for (const operand of operands) {
    const row = rowOf(network, input, operand);
    if (!row) return undefined;
    rows.push(row);
  }
  const nodes = rows.flat().flatMap((part) => part.nodes);
  if (new Set(nodes).size !== nodes.length) return undefined;
  return { input, output, sums, branches: rows.toSorted((a, b) => layerCount(b) - layerCount(a)) };
}

/** What is added up, also by sums of sums. */
function operandsOf(
  { steps, readers, makers }: Steps,
  { input, output }: Step,
): { readonly operands: readonly string[]; readonly sums: readonly Node[] } {
  const sum = makers.get(output)!;
  const parts = sum.inputs.map((value) => {
    const inner = steps.get(value);
    const nested = inner?.kind === "sum" && inner.input === input && readers.get(value)!.length === 1;
    return nested ? operandsOf({ steps, readers, makers } as Steps, inner) : { operands: [value], sums: [] };
  });
  return { operands: parts.flatMap(({ operands }) => operands), sums: [...parts.flatMap(({ sums }) => sums), sum] };
}

/** Layers with weights, those of parts that aren't rows of steps included. */
export function layerCount(row: readonly Step[]): number {
  return row.filter(({ kind, nodes }) =>
    kind === "spatial" || kind === "grouped" || kind === "depthwise" || kind === "pointwise" || nodes.length > 3
  ).length;
}

/** A block, taken apart. */
export interface BlockParts {
  /** What stands before the part that becomes one layer: attention and its shortcut. */
  readonly before: Residual | undefined;
  /** Where the part that becomes one layer begins. */
  readonly input: string;
  /** The steps that become one layer. */
  readonly main: readonly Step[];
  /** The other branch; undefined where there is none, empty where it hands the input on. */
  readonly shortcut: readonly Step[] | undefined;
  /** The activation at its end. */
  readonly final: Step | undefined;
}

/**
 * A block as its forms see it.
 *
 * @throws Error where there is no block between the two values
 */
export function partsOf(
  network: Steps,
  { input, output }: { readonly input: string; readonly output: string },
): BlockParts {
  const { steps, makers } = network;
  const last = steps.get(output);
  const final = last?.kind === "activation" ? last : undefined;
  let sum = final ? final.input : output;
  while (steps.get(sum)?.kind === "idle" && steps.get(sum)!.input !== input) sum = steps.get(sum)!.input;
  const maker = makers.get(sum);
  const step = steps.get(sum);
  const residual = maker && isSum(maker) && step?.kind === "sum" ? residualOf(network, step) : undefined;
  if (!residual) {
    const main = rowOf(network, input, sum);
    if (!main) throw new Error(`no row of steps from "${input}" to "${output}"`);
    return { before: undefined, input, main, shortcut: undefined, final };
  }
  const [main, shortcut = []] = residual.branches;
  const parts = { input: residual.input, main, shortcut, final };
  if (residual.input === input) return { ...parts, before: undefined };
  const attention = steps.get(residual.input);
  const before = attention?.kind === "sum" ? residualOf(network, attention) : undefined;
  if (before?.input !== input) throw new Error(`no block from "${input}" to "${output}"`);
  return { ...parts, before };
}
