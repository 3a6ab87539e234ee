/** Writes the network that a layout describes: nodes, parameters cut to the kept channels, and where they came from. */

import { freshName, takenNames } from "../../graph/names.ts";
import { neededNodes } from "../../graph/rewrite/needed_nodes.ts";
import type { HostTensor, Node, Origin, ParamSpec, Rewrite } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { parameterAxis } from "../groups/channels.ts";
import type { WeighedGraph } from "../groups/dependency_graph.ts";
import { allOr, inPrecisionOf } from "../rules/emission.ts";
import { range, tensor } from "../rules/operands.ts";
import { ruleOf } from "../rules/table.ts";
import type { Constants } from "../rules/types.ts";
import { emitLayer, type LayerEmission } from "./emit_layers.ts";
import type { Layout } from "./layout.ts";

/** @returns the rewrite; a graph in which nothing went comes back as it was */
export function emit(dependencies: WeighedGraph, known: Constants, layout: Layout, columns: boolean): Rewrite {
  const written: Written = { nodes: [], specs: {}, params: new Map(), map: new Map() };
  const emission = emissionOf(dependencies, known, layout, columns, written);
  const { graph } = dependencies;
  for (const node of graph.nodes) if (emission.kept(node.outputs[0]).length > 0) emitNode(emission, node);

  const alive = neededNodes(written.nodes, graph.outputs);
  const used = new Set(alive.flatMap((node) => node.inputs));
  const params = Object.fromEntries(Object.entries(written.specs).filter(([name]) => used.has(name)));
  return {
    model: {
      graph: { ...graph, nodes: alive, params },
      params: new Map([...written.params].filter(([name]) => used.has(name))),
    },
    map: new Map([...written.map].filter(([name]) => used.has(name))),
  };
}

/** The new network in the making; some of it may turn out not to be needed. */
interface Written {
  readonly nodes: Node[];
  readonly specs: Record<string, ParamSpec>;
  readonly params: Map<string, HostTensor>;
  readonly map: Map<string, Origin>;
}

function emissionOf(
  dependencies: WeighedGraph,
  known: Constants,
  layout: Layout,
  columns: boolean,
  { nodes, specs, params, map }: Written,
): LayerEmission {
  const { model, graph, channels } = dependencies;
  const taken = takenNames(graph);
  const aliases = new Map<string, string>();
  const keptOf = new Map<string, readonly number[]>();
  for (const value of channels.values) {
    const base = channels.base(value);
    keptOf.set(value, range(channels.width(value)).filter((j) => layout.kept[base + j]));
  }
  return {
    numbered: dependencies,
    dependencies,
    known,
    columns,
    kept: (value) => keptOf.get(value)!,
    node: (node) => nodes.push({ ...node, inputs: node.inputs.map((name) => aliases.get(name) ?? name) }),
    keepNode(node, attrs = node.attrs) {
      const kept = this.kept(node.outputs[0]);
      const inputs = node.inputs.map((name) => {
        if (!graph.params[name]) return name;
        const along = parameterAxis(dependencies, node, name);
        return along === null ? this.cut(name, null) : this.cut(name, kept, along);
      });
      this.node({ ...node, attrs, inputs });
    },
    alias(made, value) {
      if (!graph.outputs.includes(made)) {
        aliases.set(made, aliases.get(value) ?? value);
        return;
      }
      const name = freshName(taken, `${made}.identity`);
      this.node({ name, op: "Identity", inputs: [value], outputs: [made], attrs: {} });
    },
    param(wanted, spec, data, origin) {
      const init = graph.params[wanted]?.init;
      const made = inPrecisionOf(model.params, spec.shape, data);
      // Nodes that share a parameter may need other numbers of it by now: a folded constant, other columns.
      const name = params.has(wanted) && !sameTensor(params.get(wanted)!, made) ? freshName(taken, wanted) : wanted;
      specs[name] = { shape: spec.shape, role: spec.role, ...(init && { init }) };
      params.set(name, made);
      if (origin) map.set(name, origin);
      return name;
    },
    cut(name, keep, axis = 0) {
      const { shape, data } = tensor(model, name);
      const kept = shape.map((size, i) => i === axis && keep ? allOr(keep, size) : null);
      const entries = keep ?? range(shape[axis]);
      const inner = elements(shape.slice(axis + 1));
      const outer = elements(shape.slice(0, axis));
      const out = new (data.constructor as typeof Float32Array)(outer * entries.length * inner);
      for (let o = 0; o < outer; o++) {
        entries.forEach((j, i) => {
          const from = (o * shape[axis] + j) * inner;
          out.set(data.subarray(from, from + inner), (o * entries.length + i) * inner);
        });
      }
      const spec = { ...graph.params[name], shape: shape.map((size, i) => i === axis ? entries.length : size) };
      return this.param(name, spec, out, { source: name, keep: kept });
    },
    fresh: (base) => freshName(taken, base),
    pendingBias: new Map(),
  };
}

function sameTensor(a: HostTensor, b: HostTensor): boolean {
  return a.shape.join() === b.shape.join() && a.data.every((v, i) => v === b.data[i]);
}

function emitNode(e: LayerEmission, node: Node): void {
  const { dependencies } = e;
  const layer = dependencies.layers.get(node.name);
  const rule = ruleOf(node, dependencies.graph);
  if (dependencies.anchors.has(node.name)) e.alias(node.outputs[0], node.inputs[0]);
  else if (layer) emitLayer(e, layer);
  else if (rule.kind === "linked" && !dependencies.whole.has(node.name)) rule.rewrite(node, e);
  else e.keepNode(node);
}
