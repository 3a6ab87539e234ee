/** Is this graph, or this model, well formed? Each check throws a UserError that says where it isn't. */

import { UserError } from "../errors.ts";
import { elements } from "../tensor/tensor.ts";
import { ATTRIBUTES, nodeError } from "./attrs.ts";
import { inferShapes } from "./infer.ts";
import type { Graph, Model, Node, OpName, ParamRole } from "./types.ts";

/**
 * Names are unique, values are made before they are read, operators, attributes and shapes are valid, parameters sit
 * where their role belongs, none is unused, and every output exists.
 */
export function validateGraph(graph: Graph): void {
  uniqueNames(graph);
  for (const input of graph.inputs) {
    if (input.shape.length === 0 || !input.shape.every((d, i) => (d === "N" && i === 0) || isSize(d))) {
      throw new UserError(`graph "${graph.name}": input "${input.name}" has the invalid shape [${input.shape}]`);
    }
  }
  const used = new Set<string>();
  for (const node of graph.nodes) {
    knownAttributes(node);
    parameterPositions(node, graph);
    node.inputs.forEach((name) => used.add(name));
  }
  inferShapes(graph);
  for (const [name, { shape }] of Object.entries(graph.params)) {
    if (!shape.every(isSize)) throw new UserError(`parameter "${name}" has the invalid shape [${shape}]`);
    if (!used.has(name)) throw new UserError(`parameter "${name}" isn't used by any node of graph "${graph.name}"`);
  }
  if (graph.outputs.length === 0) throw new UserError(`graph "${graph.name}" has no output`);
}

/** A valid graph whose parameters are all there, in the declared shapes, and no others. */
export function validateModel({ graph, params }: Model): void {
  validateGraph(graph);
  for (const [name, { shape }] of Object.entries(graph.params)) {
    const tensor = params.get(name);
    if (!tensor) throw new UserError(`parameter "${name}" of graph "${graph.name}" is missing, expected [${shape}]`);
    if (tensor.shape.join() !== shape.join()) {
      throw new UserError(`parameter "${name}" is [${tensor.shape}], graph "${graph.name}" expects [${shape}]`);
    }
    const size = elements(shape);
    if (tensor.data.length !== size) {
      throw new UserError(`parameter "${name}" [${shape}] holds ${tensor.data.length} numbers, expected ${size}`);
    }
  }
  for (const name of params.keys()) {
    if (!graph.params[name]) throw new UserError(`parameter "${name}" isn't known to graph "${graph.name}"`);
  }
}

const SHIFTS: readonly ParamRole[] = ["bias", "beta", "table"];
const TABLES: readonly ParamRole[] = ["table"];
const SCALES: readonly ParamRole[] = ["weight", "gamma", "table"];

/** Which roles an input position takes; positions that aren't listed take activations only. */
const POSITIONS: Partial<Record<OpName, readonly (readonly ParamRole[] | null)[]>> = {
  Conv: [null, ["weight"], ["bias"]],
  Gemm: [null, ["weight"], ["bias"]],
  ColumnConv: [null, ["weight"], ["bias"]],
  MatMul: [null, ["weight"]],
  BatchNormalization: [null, ["gamma"], ["beta"], ["mean"], ["variance"]],
  LayerNormalization: [null, ["gamma"], ["beta"]],
  GroupNormalization: [null, ["gamma"], ["beta"]],
  BorderBias: [null, ["table"]],
  PRelu: [null, ["slope"]],
  Add: [SHIFTS, SHIFTS],
  Sub: [SHIFTS, SHIFTS],
  Mul: [SCALES, SCALES],
  Div: [SCALES, SCALES],
};

/** Operators whose listed positions take activations too. */
const EITHER: readonly OpName[] = ["Add", "Sub", "Mul", "Div", "MatMul", "Concat"];

function parameterPositions(node: Node, graph: Graph): void {
  const positions = POSITIONS[node.op];
  node.inputs.forEach((name, i) => {
    const role = graph.params[name]?.role;
    const allowed = positions?.[i] ?? (node.op === "Concat" ? TABLES : null);
    if (role && !allowed?.includes(role)) {
      const expected = allowed ? `a parameter of role ${allowed.join(" or ")}` : "an activation";
      throw nodeError(node, `input ${i} is "${name}", a parameter of role ${role}, expected ${expected}`);
    }
    if (!role && allowed && !EITHER.includes(node.op)) {
      throw nodeError(node, `input ${i} is "${name}", expected a parameter of role ${allowed.join(" or ")}`);
    }
  });
  if ((node.op === "Add" || node.op === "Mul") && node.inputs.every((name) => graph.params[name])) {
    throw nodeError(node, "both inputs are parameters, expected an activation");
  }
}

function knownAttributes(node: Node): void {
  const known = ATTRIBUTES[node.op];
  if (!known) throw nodeError(node, "unknown operator");
  for (const key of Object.keys(node.attrs)) {
    if (!known.includes(key)) {
      throw nodeError(node, `unknown attribute "${key}", expected ${known.length ? known.join(", ") : "none"}`);
    }
  }
}

function uniqueNames(graph: Graph): void {
  const nodes = new Set<string>();
  for (const { name } of graph.nodes) {
    if (nodes.has(name)) throw new UserError(`graph "${graph.name}": two nodes are named "${name}"`);
    nodes.add(name);
  }
  const values = new Set(Object.keys(graph.params));
  for (const name of [...graph.inputs.map((input) => input.name), ...graph.nodes.flatMap((node) => node.outputs)]) {
    if (values.has(name)) throw new UserError(`graph "${graph.name}": two values are named "${name}"`);
    values.add(name);
  }
}

function isSize(d: unknown): boolean {
  return typeof d === "number" && Number.isInteger(d) && d > 0;
}
