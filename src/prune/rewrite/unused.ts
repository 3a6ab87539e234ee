/**
 * Unused-path removal on the level of masks (docs/pipeline.md): numbers that can't reach the output become 0, shapes stay.
 * The network computes the same; a following retrain leaves those numbers alone, and `compact` removes them for good.
 */

import { identityMap } from "../../graph/indexmap.ts";
import { consumers } from "../../graph/names.ts";
import type { HostTensor, Model, Rewrite } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { parameterAxis, zeroableParameters } from "../groups/channels.ts";
import { weigh } from "../groups/dependency_graph.ts";
import { firstChannel, weightAt } from "../rules/layer_view.ts";
import { constants } from "./constant_propagation.ts";
import { liveness } from "./liveness.ts";

/** What was set to 0. */
export interface Removed {
  /** Numbers that became 0, by parameter; parameters without any have no entry. */
  readonly byParam: ReadonlyMap<string, number>;
  /** Numbers in all. */
  readonly total: number;
}

/**
 * Filters whose channel is dead go with their bias, γ and β; weights that read a channel that is always 0 go too. Repeats
 * until nothing changes, for each such zero may kill another path.
 */
export function removeUnused(model: Model): Rewrite & { readonly removed: Removed } {
  const byParam = new Map<string, number>();
  let current = model;
  for (let changed = true; changed;) {
    const next = sweep(current, byParam);
    changed = next !== current;
    current = next;
  }
  const total = [...byParam.values()].reduce((sum, n) => sum + n, 0);
  return { model: current, map: identityMap(model.graph), removed: { byParam, total } };
}

function sweep(model: Model, counts: Map<string, number>): Model {
  const dependencies = weigh(model);
  const { graph, channels, whole } = dependencies;
  const known = constants(dependencies);
  const live = liveness(dependencies, known);
  const params = new Map<string, HostTensor>(model.params);
  let changed = false;
  /** How many of the nodes that share a parameter don't need an entry of it. */
  const agreed = new Map(Array.from(dependencies.shared, (name) => [name, new Map<number, number>()]));
  const readers = consumers(graph);
  const clear = (name: string, at: number) => {
    const { shape, data } = params.get(name)!;
    if (at < 0 || data[at] === 0) return;
    const others = agreed.get(name);
    if (others) {
      others.set(at, (others.get(at) ?? 0) + 1);
      if (others.get(at)! < readers.get(name)!.length) return;
    }
    if (params.get(name) === model.params.get(name)) params.set(name, { shape, data: data.slice() });
    params.get(name)!.data[at] = 0;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    changed = true;
  };

  for (const layer of dependencies.layers.values()) {
    const x = channels.base(layer.x);
    for (let f = 0; f < layer.filters; f++) {
      const dead = !live[channels.base(layer.y) + f];
      if (dead && layer.bias) clear(layer.bias, f);
      for (let c = 0; c < layer.perGroup; c++) {
        const silent = known.valueOf(x + firstChannel(layer, f) + c) === 0;
        for (let k = 0; k < layer.size; k++) {
          if (dead || silent || !layer.reachable[k]) clear(layer.weight, weightAt(layer, f, c, k));
        }
      }
    }
  }
  for (const node of graph.nodes) {
    if (dependencies.layers.has(node.name)) continue;
    const y = channels.base(node.outputs[0]);
    const width = channels.width(node.outputs[0]);
    if (whole.has(node.name) && live[y]) continue;
    for (const name of zeroableParameters(dependencies, node)) {
      const { shape, data: { length } } = params.get(name)!;
      const axis = parameterAxis(dependencies, node, name);
      const dead = Array.from({ length: width }, (_, j) => !live[y + j]);
      const all = dead.every((isDead) => isDead);
      const inner = axis === null ? length : elements(shape.slice(axis + 1));
      for (let i = 0; i < length; i++) {
        if (all || (axis !== null && dead[Math.floor(i / inner) % shape[axis]])) clear(name, i);
      }
    }
  }
  return changed ? { graph: model.graph, params } : model;
}
