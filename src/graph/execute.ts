/** Runs a graph node by node with differentiable ops: how training sees a network, and the plan's unfused twin. */
import { UserError } from "../errors.ts";
import type { Tape } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type FusedNorms, fusedNorms } from "./fused_norms.ts";
import { opOf } from "./ops/ops.ts";
import type { Graph } from "./types.ts";

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
  const rows = observe.size === 0 ? unobserved(graph) : fusedNorms(graph, observe);
  const within = new Set(rows.values().flatMap(({ norm, sum }) => sum ? [norm, sum] : [norm]));
  const valueOf = (name: string) => values.get(name) ?? params.get(name)!;
  for (const node of graph.nodes) {
    const row = rows.get(node);
    if (!row) {
      if (!within.has(node)) make(node.outputs[0], opOf(node).execute(context, node, node.inputs.map(valueOf)));
      continue;
    }
    const { norm, residual, activation } = row;
    const fused = { ...context, activation, residual: residual === undefined ? undefined : valueOf(residual) };
    make(node.outputs[0], opOf(norm).execute(fused, norm, norm.inputs.map(valueOf)));
  }
  for (const name of observe.keys()) {
    if (!values.has(name)) throw new UserError(`graph "${graph.name}" computes no value "${name}" to observe`);
  }
  return graph.outputs.map((name) => values.get(name)!);
}

const rowsOf = new WeakMap<Graph, FusedNorms>();

/** A training asks for the same graph's in every step. */
function unobserved(graph: Graph): FusedNorms {
  let rows = rowsOf.get(graph);
  if (!rows) rowsOf.set(graph, rows = fusedNorms(graph, new Set()));
  return rows;
}
