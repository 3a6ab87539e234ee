/**
 * Small random networks that are valid by construction: every operator of the vocabulary, strides, paddings, dilations,
 * groups, residual sums, concatenations, gates and maps down to 1×1. The same seed gives the same network.
 */
import { type Builder, builder } from "../../src/graph/build.ts";
import type { Graph, HostTensor, Model, Params } from "../../src/graph/types.ts";
import { BLOCKS } from "./blocks.ts";
import { type Dice, dice } from "./dice.ts";
import { finish, fresh, layer, same } from "./pieces.ts";

export function randomModel(seed: number): Model {
  const graph = randomGraph(seed);
  return { graph, params: randomParams(graph, seed) };
}

export function randomGraph(seed: number): Graph {
  const d = dice(seed, "graph");
  const side = d.pick([1, 2, 3, 5, 6, 7]);
  const b = builder(`random${seed}`, ["N", d.between(1, 3), side, d.chance(0.8) ? side : d.between(1, 7)]);
  let x = layer(b, d, b.input, d.between(3, 8));
  for (let i = d.between(1, 3); i > 0; i--) x = d.pick(BLOCKS)(b, d, x);
  return b.graph([head(b, d, x)]);
}

/** Weights of unit scale, batch norm with statistics and β far from trivial. */
export function randomParams(graph: Graph, seed: number): Params {
  const d = dice(seed, "params");
  const params = new Map<string, HostTensor>();
  for (const [name, { shape, role }] of Object.entries(graph.params)) {
    const size = shape.reduce((product, n) => product * n, 1);
    const fanIn = Math.max(1, size / shape[0]);
    const draw = {
      weight: () => d.normal(0, 1 / Math.sqrt(fanIn)),
      bias: () => d.normal(0, 0.5),
      gamma: () => d.normal(1, 0.3),
      beta: () => d.normal(0.2, 0.5),
      slope: () => d.uniform(-0.3, 0.6),
      mean: () => d.normal(0, 0.5),
      variance: () => d.uniform(0.3, 2),
      table: () => d.normal(0, 0.5),
    }[role];
    params.set(name, { shape, data: Float32Array.from({ length: size }, draw) });
  }
  return params;
}

/** Inputs for two samples. */
export function randomInputs(graph: Graph, seed: number, batch = 2): Record<string, HostTensor> {
  const d = dice(seed, "inputs");
  return Object.fromEntries(graph.inputs.map(({ name, shape }) => {
    const concrete = shape.map((n) => n === "N" ? batch : n);
    const size = concrete.reduce((product, n) => product * n, 1);
    return [name, { shape: concrete, data: Float32Array.from({ length: size }, () => d.normal()) }];
  }));
}

function head(b: Builder, d: Dice, x: string): string {
  const out = d.between(2, 4);
  if (d.chance(0.15)) return same(b, d, x, out);
  const flat = d.chance(0.5) ? b.flatten(x) : b.flatten(b.globalAveragePool(x));
  const hidden = d.chance(0.5) ? finish(b, d, b.gemm(flat, { name: fresh(b, "fc"), out: d.between(3, 8) })) : flat;
  return b.gemm(hidden, { name: fresh(b, "logits"), out });
}
