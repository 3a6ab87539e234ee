/** Which nodes one kernel does: a layer with the bias, the residual add and the activation after it. Pure. */
import { inferShapes } from "./infer.ts";
import { consumers } from "./names.ts";
import type { LayerInference } from "./ops/op.ts";
import { opOf } from "./ops/ops.ts";
import { hasFilterRows, isSum } from "./roles.ts";
import { sameShape } from "./shapes.ts";
import type { Graph, Node, Shape } from "./types.ts";

/** A node with what its kernel does besides. */
export interface FusedStep {
  /** The node that the kernel is for. */
  readonly node: Node;
  /** The layer's bias: its third input, or the parameter that an Add after a MatMul gives to each column. */
  readonly bias?: string;
  /** The value that is added before the activation. */
  readonly residual?: string;
  /** What is applied last. */
  readonly activation: "none" | "relu" | "relu6";
  /** What the step makes: the last fused node's output. */
  readonly output: string;
}

/**
 * The graph's nodes in order of execution, with `Add` and `Relu`/`Relu6` drawn into the layer, or the MatMul by a parameter,
 * before them.
 */
export function fuse(graph: Graph): FusedStep[] {
  const readers = consumers(graph);
  const shapes = inferShapes(graph);
  const made = new Set(graph.inputs.map(({ name }) => name));
  const done = new Set<Node>();
  const steps: FusedStep[] = [];
  const follower = (value: string): Node | undefined => {
    const next = readers.get(value);
    return next?.length === 1 && !graph.outputs.includes(value) ? next[0] : undefined;
  };
  for (const node of inOrder(graph, follower)) {
    if (done.has(node)) continue;
    let output = node.outputs[0];
    const layer = layerOf(graph, node);
    let bias = layer?.filters === "first" ? node.inputs[2] : undefined;
    let residual: string | undefined;
    let activation: FusedStep["activation"] = "none";
    const shift = layer?.filters === "last" ? follower(output) : undefined;
    const perColumn = shift && isSum(shift) ? shift.inputs.find((name) => name !== output) : undefined;
    if (shift && perColumn && isPerColumn(graph.params[perColumn]?.shape, shapes.get(output)!)) {
      bias = perColumn;
      output = shift.outputs[0];
      done.add(shift);
    }
    if (layer) {
      const sum = follower(output);
      const other = sum && isSum(sum) ? sum.inputs.find((name) => name !== output) : undefined;
      // The other operand must exist by now, and have the same shape: broadcasts and parameters stay nodes of their own.
      if (sum && other && made.has(other) && sameShape(shapes.get(other)!, shapes.get(output)!)) {
        residual = other;
        output = sum.outputs[0];
        done.add(sum);
      }
      const next = follower(output);
      const kind = next && fusedActivation(next);
      if (next && kind) {
        activation = kind;
        output = next.outputs[0];
        done.add(next);
      }
    }
    steps.push({ node, bias, residual, activation, output });
    made.add(output);
  }
  return steps;
}

/**
 * The nodes with each layer right before the sum that it alone flows into, where the sum's other operand is made after the
 * layer stands in the graph: a shortcut that subsamples, say. Two layers that meet stay as they stand: the second takes the
 * first one's output in.
 */
function inOrder({ nodes }: Graph, follower: (value: string) => Node | undefined): readonly Node[] {
  const places = new Map(nodes.map((node, i) => [node, i]));
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const placeOf = (node: Node): number => {
    const place = places.get(node)!, [output] = node.outputs;
    const sum = hasFilterRows(node) ? follower(output) : undefined;
    const other = sum && isSum(sum) ? makers.get(sum.inputs.find((name) => name !== output) ?? "") : undefined;
    return sum && other && !hasFilterRows(other) && places.get(other)! > place ? places.get(sum)! - 0.5 : place;
  };
  const moved = new Map(nodes.map((node) => [node, placeOf(node)]));
  return nodes.toSorted((a, b) => moved.get(a)! - moved.get(b)!);
}

/** [1,…,1,F] over […,F]. */
function isPerColumn(shape: Shape | undefined, made: Shape): boolean {
  return !!shape && shape.length === made.length &&
    shape.every((d, axis) => d === (axis < made.length - 1 ? 1 : made[axis]));
}

/** What a node is to a plan as a layer; undefined for other nodes, and for a product of two values. */
export function layerOf({ params }: Graph, node: Node): LayerInference | undefined {
  const { inference } = opOf(node);
  return inference.kind === "layer" && node.inputs[1] in params ? inference : undefined;
}

/** The activation that kernels of layers and norms do as well, if the node is one. */
export function fusedActivation(node: Node): "relu" | "relu6" | undefined {
  const { inference } = opOf(node);
  return inference.kind === "activation" ? inference.fused(node) : undefined;
}
