/** Whether a model's numbers can be computed with: looked at once, where a model comes in or goes out. */
import { show, UserError } from "../errors.ts";
import { batchNormAttrs } from "./attrs.ts";
import type { Graph, Model, Params } from "./types.ts";

/** What an array holds beside ordinary numbers. */
export interface NonFinite {
  /** How many of them are NaN or infinite. */
  readonly count: number;
  /** The index of the first one. */
  readonly first: number;
  /** NaN, Infinity or -Infinity. */
  readonly value: number;
}

/** What isn't finite in an array; undefined where all numbers are. */
export function nonFinite(data: ArrayLike<number>): NonFinite | undefined {
  let count = 0;
  let first = -1;
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    if (count++ === 0) first = i;
  }
  return count === 0 ? undefined : { count, first, value: data[first] };
}

/**
 * Why a model can't be computed with: a parameter isn't finite, or a batch norm would take the root of a negative number or
 * divide by zero. Kernels don't look: a single NaN makes a network's outputs NaN, or wrong.
 *
 * @returns one sentence with the parameter, how many of its numbers aren't finite, where the first one stands and what to
 * do, to be put after the name of the file; undefined where all is well
 */
export function finiteProblem({ graph, params }: Model): string | undefined {
  const found = [...params].flatMap(([name, { shape, data }]) => {
    const bad = nonFinite(data);
    return bad ? [{ name, shape, size: data.length, ...bad }] : [];
  });
  if (found.length === 0) return varianceProblem(graph, params);
  const [{ name, shape, size, count, first, value }] = found;
  const more = found.length > 1 ? ` (and so do ${found.length - 1} more parameters)` : "";
  return `parameter ${
    show(name)
  } [${shape}] holds ${count} of ${size} numbers that aren't finite${more}, the first is ` +
    `${value} at [${placeOf(first, shape)}]: ${advice(value)}`;
}

/** @throws UserError with what `finiteProblem` finds, after the name of the file that the model is read from */
export function requireFinite(model: Model, file: string): void {
  const problem = finiteProblem(model);
  if (problem !== undefined) throw new UserError(`${file}: ${problem}`);
}

function advice(value: number): string {
  return Number.isNaN(value)
    ? "its training diverged or the file is damaged; take an earlier checkpoint"
    : "it doesn't fit float32, its training diverged, or it is a mask: then write a large finite number, such as -1e9";
}

/** Row-major index -> index per axis. */
function placeOf(index: number, shape: readonly number[]): string {
  const place: number[] = [];
  for (const size of shape.toReversed()) {
    place.unshift(index % size);
    index = Math.floor(index / size);
  }
  return place.join(", ");
}

/** A batch norm divides by √(variance + epsilon). */
function varianceProblem(graph: Graph, params: Params): string | undefined {
  for (const node of graph.nodes) {
    const name = node.inputs.find((input) => graph.params[input]?.role === "variance");
    const variance = name === undefined ? undefined : params.get(name);
    if (!variance) continue;
    const { epsilon } = batchNormAttrs(node);
    const channel = variance.data.findIndex((value) => !(value + epsilon > 0));
    if (channel < 0) continue;
    return `parameter ${show(name)} is ${variance.data[channel]} at channel ${channel}, batch norm ` +
      `${
        show(node.name)
      } divides by the root of variance + ${epsilon} and expects more than ${-epsilon}: the file is ` +
      "damaged, or its parameters stand in another order; export it again";
  }
}
