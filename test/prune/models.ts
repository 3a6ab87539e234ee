import type { Graph, HostTensor, Model } from "../../src/graph/types.ts";
import { l2 } from "../../src/prune/criteria/l2.ts";
import { scoreGroups } from "../../src/prune/criteria/score.ts";
import type { Constraint } from "../../src/prune/structures/types.ts";
import { randomParams } from "../generate/graphs.ts";

/** Random parameters, some of them replaced by given numbers. */
export function modelOf(graph: Graph, values: Record<string, readonly number[]> = {}, seed = 1): Model {
  const params = new Map<string, HostTensor>(randomParams(graph, seed));
  for (const [name, numbers] of Object.entries(values)) {
    const { shape } = graph.params[name];
    params.set(name, { shape, data: Float32Array.from(numbers) });
  }
  return { graph, params };
}

/** Σw² of each of the constraint's groups. */
export function energiesOf(constraint: Constraint, model: Model): Float64Array {
  return scoreGroups(l2, constraint, { model, seed: 0 }).scores;
}

/** Zeroes the rows (filters) of parameters along axis 0. */
export function zeroRows(model: Model, rows: Record<string, readonly number[]>): Model {
  return change(model, rows, ({ shape, data }, row) => {
    const length = data.length / shape[0];
    data.fill(0, row * length, (row + 1) * length);
  });
}

/** Zeroes columns of the GEMM view [F, C·KH·KW]. */
export function zeroColumns(model: Model, columns: Record<string, readonly number[]>): Model {
  return change(model, columns, ({ shape, data }, column) => {
    const length = data.length / shape[0];
    for (let f = 0; f < shape[0]; f++) data[f * length + column] = 0;
  });
}

function change(
  model: Model,
  indices: Record<string, readonly number[]>,
  zero: (tensor: HostTensor, index: number) => void,
): Model {
  const params = new Map(model.params);
  for (const [name, list] of Object.entries(indices)) {
    const { shape, data } = params.get(name)!;
    const tensor = { shape, data: data.slice() };
    list.forEach((index) => zero(tensor, index));
    params.set(name, tensor);
  }
  return { graph: model.graph, params };
}

/** The shape of a parameter, as text. */
export function shapeOf(model: Model, param: string): string {
  return model.graph.params[param]?.shape.join("x") ?? "gone";
}

export function ops(model: Model): string {
  return model.graph.nodes.map(({ op }) => op).join(" ");
}
