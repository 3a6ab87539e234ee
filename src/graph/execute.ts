/** Runs a graph node by node with differentiable ops: how training sees a network, and the plan's unfused twin. */
import { UserError } from "../errors.ts";
import type { Tape } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { fusedActivation } from "./fuse.ts";
import { consumers } from "./names.ts";
import { opOf } from "./ops/ops.ts";
import { isBatchNorm } from "./roles.ts";
import type { Graph, Node } from "./types.ts";

/** What the interpreter is asked beside the outputs. */
export interface ExecuteOptions {
  /** Of dropout; default 0. */
  readonly seed?: number;
  /** Training step, which dropout draws anew for; default 0. */
  readonly step?: number;
  /** Of all batch norms' running statistics, in place of their own: for recalibration. */
  readonly momentum?: number;
  /** λ of every Mix, in 0…1; default 1. */
  readonly mix?: number;
  /**
   * Value name -> who is told its tensor as soon as it is made. Nothing is fused across an observed value, so it is what
   * the graph says. It lives until `tape.backward` has used it up, or the tape is disposed; one that the observer gives to
   * `tape.watch` lives as long as the tape, and its gradient is there after `backward`.
   */
  readonly observe?: ReadonlyMap<string, (value: Tensor) => void>;
}

/** What a graph reads: its only input, [N, …], or each of several by its name. */
export type GivenInputs = Tensor | Readonly<Record<string, Tensor>>;

/**
 * The inputs by name.
 *
 * @throws UserError where the graph has others
 */
export function namedInputs({ name, inputs }: Graph, given: GivenInputs): ReadonlyMap<string, Tensor> {
  const names = inputs.map((input) => input.name);
  const list = (of: readonly string[]) => of.map((input) => `"${input}"`).join(", ");
  if (given instanceof Tensor) {
    if (inputs.length === 1) return new Map([[names[0], given]]);
    throw new UserError(`graph "${name}" has the inputs ${list(names)}: give each of them by its name`);
  }
  const found = Object.keys(given);
  if (names.every((input) => Object.hasOwn(given, input)) && found.length === names.length) {
    return new Map(Object.entries(given));
  }
  throw new UserError(`graph "${name}" has the inputs ${list(names)}, got ${list(found) || "none"}`);
}

/**
 * The graph's first output for its inputs, [N, …]. In a tape of mode "train" batch norms use the batch's
 * statistics and update the running ones in place, and dropout drops.
 *
 * @throws UserError where `observe` names a value that the graph doesn't have, or the graph has other inputs
 */
export function execute(
  tape: Tape,
  graph: Graph,
  params: ReadonlyMap<string, Tensor>,
  input: GivenInputs,
  options: ExecuteOptions = {},
): Tensor {
  return executeOutputs(tape, graph, params, input, options)[0];
}

/** All of the graph's outputs, in its order; else as `execute`. */
export function executeOutputs(
  tape: Tape,
  graph: Graph,
  params: ReadonlyMap<string, Tensor>,
  input: GivenInputs,
  { observe = new Map(), ...options }: ExecuteOptions = {},
): Tensor[] {
  const context = { tape, ...options };
  const values = new Map<string, Tensor>();
  const make = (name: string, value: Tensor) => {
    values.set(name, value);
    observe.get(name)?.(value);
  };
  for (const [name, value] of namedInputs(graph, input)) make(name, value);
  const activations = activatedNorms(graph, observe);
  const done = new Set(activations.values());
  for (const node of graph.nodes) {
    if (done.has(node)) continue;
    const inputs = node.inputs.map((name) => values.get(name) ?? params.get(name)!);
    const reader = activations.get(node);
    const activation = reader && fusedActivation(reader);
    make((reader ?? node).outputs[0], opOf(node).execute({ ...context, activation }, node, inputs));
  }
  for (const name of observe.keys()) {
    if (!values.has(name)) throw new UserError(`graph "${graph.name}" computes no value "${name}" to observe`);
  }
  return graph.outputs.map((name) => values.get(name)!);
}

/**
 * Each batch norm whose only reader is a ReLU or ReLU6, with that reader: both run in one kernel, forwards and backwards.
 * A norm whose own output somebody wants to see runs alone.
 */
function activatedNorms(graph: Graph, observe: { has(value: string): boolean }): Map<Node, Node> {
  const readers = consumers(graph);
  const found = new Map<Node, Node>();
  for (const node of graph.nodes) {
    if (!isBatchNorm(node)) continue;
    const [y] = node.outputs;
    const [reader, ...others] = readers.get(y) ?? [];
    const alone = others.length === 0 && !graph.outputs.includes(y) && !observe.has(y);
    if (alone && reader && fusedActivation(reader)) found.set(node, reader);
  }
  return found;
}
