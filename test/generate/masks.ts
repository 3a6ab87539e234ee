/**
 * Random zeros in a model: coupled filters as the pipeline prunes them, and damage that no pipeline would do, such as
 * filters without their biases, γ = 0 beside a β, single columns, channels and weights.
 */
import type { HostTensor, Model } from "../../src/graph/types.ts";
import { coupledConstraints, prunableLayers } from "../../src/prune/structures/constraints.ts";
import { maskModel, masksOf } from "../../src/prune/structures/masks.ts";
import { type Dice, dice } from "./dice.ts";

export function randomlyMasked(model: Model, seed: number): Model {
  const d = dice(seed, "masks");
  let masked = model;
  if (d.chance(0.6)) masked = coupledFilters(masked, d);
  const params = new Map(Array.from(masked.params, ([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
  const rate = d.pick([0.1, 0.3, 0.6]);
  const kinds = { filters: d.chance(0.5), channels: d.chance(0.4), columns: d.chance(0.4), weights: d.chance(0.3) };
  for (const [name, tensor] of params) {
    const { role } = model.graph.params[name];
    if (role === "weight" && tensor.shape.length > 1) {
      if (kinds.filters) zeroRows(tensor, d, rate);
      if (kinds.channels && tensor.shape.length === 4) zeroColumns(tensor, d, rate, tensor.shape[2] * tensor.shape[3]);
      if (kinds.columns) zeroColumns(tensor, d, rate, 1);
      if (kinds.weights) tensor.data.forEach((_, i) => d.chance(rate) && (tensor.data[i] = 0));
    } else if (kinds.filters && (role === "gamma" || role === "beta" || role === "bias")) {
      const own = d.pick([0, rate, 2 * rate]);
      tensor.data.forEach((_, i) => d.chance(own) && (tensor.data[i] = 0));
    }
  }
  return { graph: model.graph, params };
}

function coupledFilters(model: Model, d: Dice): Model {
  if (prunableLayers(model.graph, { granularity: "filter" }).length === 0) return model;
  const constraints = coupledConstraints(model.graph, { granularity: "filter", keep: 0.5 });
  const choices = constraints.map((constraint) => {
    const share = d.uniform(0.2, 1);
    return { constraint, kept: Array.from({ length: constraint.groups }, (_, g) => g).filter(() => d.chance(share)) };
  });
  return maskModel(model, masksOf(choices, model.params));
}

function zeroRows({ shape, data }: HostTensor, d: Dice, rate: number): void {
  const row = data.length / shape[0];
  for (let f = 0; f < shape[0]; f++) if (d.chance(rate)) data.fill(0, f * row, (f + 1) * row);
}

function zeroColumns({ shape, data }: HostTensor, d: Dice, rate: number, width: number): void {
  const row = data.length / shape[0];
  for (let start = 0; start < row; start += width) {
    if (!d.chance(rate)) continue;
    for (let f = 0; f < shape[0]; f++) data.fill(0, f * row + start, f * row + start + width);
  }
}
