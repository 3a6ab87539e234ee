/**
 * What training runs in a batch norm's kernels, forwards and backwards: the norm, the sum with a value of its shape that
 * follows it, and the ReLU or ReLU6 behind either. Pure.
 */
import { fusedActivation } from "./fuse.ts";
import { inferShapes } from "./infer.ts";
import { consumers } from "./names.ts";
import { isBatchNorm, isSum } from "./roles.ts";
import { sameShape } from "./shapes.ts";
import type { Graph, Node, Shape } from "./types.ts";

/** A batch norm with what follows it in its kernels. */
export interface FusedNorm {
  readonly norm: Node;
  readonly sum?: Node;
  /** The value that the sum adds. */
  readonly residual?: string;
  readonly activation?: "relu" | "relu6";
}

/** By each row's last node: then everything that the row reads is there. */
export type FusedNorms = ReadonlyMap<Node, FusedNorm>;

/**
 * The rows of more than the norm. Nobody else may read what is between a row's nodes, or want to see it.
 * @param observe the values that somebody wants to see
 */
export function fusedNorms(graph: Graph, observe: { has(value: string): boolean }): FusedNorms {
  let shapes: ReadonlyMap<string, Shape> | undefined;
  const shapeOf = (name: string) => (shapes ??= inferShapes(graph)).get(name);
  const readers = consumers(graph);
  const follower = (node: Node): Node | undefined => {
    const [y] = node.outputs;
    const [reader, ...others] = readers.get(y) ?? [];
    return others.length === 0 && !graph.outputs.includes(y) && !observe.has(y) ? reader : undefined;
  };
  const taken = new Set<Node>();
  const found = new Map<Node, FusedNorm>();
  for (const norm of graph.nodes) {
    if (!isBatchNorm(norm)) continue;
    const next = follower(norm);
    const residual = next && isSum(next) && !taken.has(next) ? otherOf(next, norm.outputs[0]) : undefined;
    const fits = residual !== undefined && residual !== norm.inputs[0] && !graph.params[residual] &&
      sameShape(shapeOf(residual)!, shapeOf(norm.outputs[0])!);
    const sum = fits ? next : undefined;
    const behind = sum ? follower(sum) : next;
    const activation = behind && fusedActivation(behind);
    if (!sum && !activation) continue;
    if (sum) taken.add(sum);
    const last = activation ? behind! : sum!;
    found.set(last, { norm, ...sum && { sum, residual }, ...activation && { activation } });
  }
  return found;
}

/** Nothing where it adds a value to itself. */
function otherOf({ inputs }: Node, name: string): string | undefined {
  return inputs.find((input) => input !== name);
}
