/** Is this graph, or this model, well formed? Each check throws a UserError that says where it isn't. */

import { UserError } from "../errors.ts";
import { elements } from "../tensor/tensor.ts";
import { nodeError } from "./attrs.ts";
import { inferShapes } from "./infer.ts";
import { inputAt } from "./ops/op.ts";
import { opOf } from "./ops/ops.ts";
import type { Graph, Model, Node } from "./types.ts";

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

function parameterPositions(node: Node, graph: Graph): void {
  const op = opOf(node);
  node.inputs.forEach((name, i) => {
    const role = graph.params[name]?.role;
    const { takes, roles } = inputAt(op, i);
    const expected = takes === "activation" ? "an activation" : `a parameter of role ${roles.join(" or ")}`;
    if (role && !roles.includes(role)) {
      throw nodeError(node, `input ${i} is "${name}", a parameter of role ${role}, expected ${expected}`);
    }
    if (!role && takes === "parameter") throw nodeError(node, `input ${i} is "${name}", expected ${expected}`);
  });
  if (node.inputs.length > 0 && node.inputs.every((name) => graph.params[name])) {
    throw nodeError(node, "all its inputs are parameters, expected an activation");
  }
}

function knownAttributes(node: Node): void {
  const { attributes } = opOf(node);
  for (const key of Object.keys(node.attrs)) {
    if (!attributes.includes(key)) {
      throw nodeError(node, `unknown attribute "${key}", expected ${attributes.join(", ") || "none"}`);
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
