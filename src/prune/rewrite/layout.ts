/**
 * Which channels a compact network keeps. The outputs ask for theirs; a kept filter asks for the channels it reads,
 * unless they are constants that its bias can take over; tied channels (channels.ts) come along. All other channels are
 * removed.
 * Grouped convolutions stay regular, and a value that is still read keeps one channel at least.
 */

import { forEachLink } from "../groups/channels.ts";
import type { WeighedGraph } from "../groups/dependency_graph.ts";
import { firstChannel, type Layer, regionCount, regionSums } from "../rules/layer_view.ts";
import { activations, tensor, uniform } from "../rules/operands.ts";
import { ruleOf } from "../rules/table.ts";
import type { Constants } from "../rules/types.ts";

export interface Layout {
  /** 0/1 per channel. */
  readonly kept: Uint8Array;
}

/**
 * @param tables nodes (by name) that may fold a constant whose contribution depends on the border, into a table of
 *   biases (docs/pipeline.md); the others keep such a channel
 */
export function solveLayout(dependencies: WeighedGraph, known: Constants, tables: ReadonlySet<string>): Layout {
  const { graph, channels } = dependencies;
  const links = linkTable(dependencies);
  const linearFrom = new Map<number, [Layer, Uint8Array]>();
  for (const [name, layer] of dependencies.layers) {
    const must = mandatory(dependencies, known, layer, tables.has(name));
    for (let f = 0; f < layer.filters; f++) linearFrom.set(channels.base(layer.y) + f, [layer, must]);
  }
  const kept = new Uint8Array(channels.total);
  const waiting: number[] = [];
  const keep = (channel: number) => {
    if (kept[channel]) return;
    kept[channel] = 1;
    waiting.push(channel);
  };
  const spread = () => {
    for (let channel = waiting.pop(); channel !== undefined; channel = waiting.pop()) {
      for (let i = links.start[channel]; i < links.start[channel + 1]; i++) keep(links.to[i]);
      const made = linearFrom.get(channel);
      if (!made) continue;
      const [layer, must] = made;
      const f = channel - channels.base(layer.y);
      const first = channels.base(layer.x) + firstChannel(layer, f);
      for (let c = 0; c < layer.perGroup; c++) if (must[f * layer.perGroup + c]) keep(first + c);
    }
  };
  const keepAll = (value: string) => {
    for (let j = 0; j < channels.width(value); j++) keep(channels.base(value) + j);
  };
  graph.inputs.forEach(({ name }) => keepAll(name));
  graph.outputs.forEach(keepAll);
  do {
    spread();
    for (const layer of dependencies.layers.values()) if (layer.group > 1) regularize(dependencies, layer, kept, keep);
    if (waiting.length === 0) keepOneOfEach(dependencies, kept, keep);
  } while (waiting.length > 0);
  return { kept };
}

/** Nodes whose fold of some constant channel would differ at the border: where a table is a choice. */
export function borderNodes(dependencies: WeighedGraph, known: Constants): string[] {
  return [...dependencies.layers].filter(([, layer]) => {
    if (regionCount(layer) === 1) return false;
    const open = mandatory(dependencies, known, layer, false);
    const folded = mandatory(dependencies, known, layer, true);
    return open.some((must, i) => must !== folded[i]);
  }).map(([name]) => name);
}

/** 0/1 per (filter, local channel): does the filter need the channel itself? A foldable constant it doesn't. */
function mandatory(dependencies: WeighedGraph, known: Constants, layer: Layer, table: boolean): Uint8Array {
  const must = dependencies.reads.get(layer.node.name)!.slice();
  const weight = tensor(dependencies.model, layer.weight);
  const x = dependencies.channels.base(layer.x);
  const values = Array.from({ length: layer.channels }, (_, c) => known.valueOf(x + c));
  if (values.every((value) => value === undefined)) return must;
  for (let f = 0; f < layer.filters; f++) {
    const first = firstChannel(layer, f);
    for (let c = 0; c < layer.perGroup; c++) {
      const i = f * layer.perGroup + c;
      const value = values[first + c];
      if (value === undefined || !must[i]) continue;
      if (value === 0 || table || uniform(regionSums(layer, weight, f, c)) !== undefined) must[i] = 0;
    }
  }
  return must;
}

/** All links in one array: from channel a to `to[start[a] … start[a + 1])`. */
function linkTable(dependencies: WeighedGraph): { start: Uint32Array; to: Uint32Array } {
  const { graph, channels } = dependencies;
  const each = (visit: (from: number, to: number) => void) => {
    for (const node of graph.nodes) {
      forEachLink(dependencies, node, (made, read, kind) => {
        visit(made, read);
        if (kind === "tie") visit(read, made);
      });
    }
    for (const [a, b] of dependencies.ties) {
      visit(a, b);
      visit(b, a);
    }
  };
  const start = new Uint32Array(channels.total + 1);
  each((from) => start[from + 1]++);
  for (let i = 0; i < channels.total; i++) start[i + 1] += start[i];
  const next = start.slice();
  const to = new Uint32Array(start[channels.total]);
  each((from, target) => to[next[from]++] = target);
  return { start, to };
}

/**
 * Groups with nothing kept go; the others keep the same local input channels, and as many filters each (the lowest
 * indices fill up).
 */
function regularize({ channels }: WeighedGraph, layer: Layer, kept: Uint8Array, keep: (channel: number) => void): void {
  const perGroup = layer.perGroup;
  const filters = layer.filters / layer.group;
  const x = channels.base(layer.x);
  const y = channels.base(layer.y);
  const among = (start: number, count: number) =>
    Array.from({ length: count }, (_, i) => i).filter((i) => kept[start + i]);
  const groups = Array.from({ length: layer.group }, (_, g) => ({
    read: among(x + g * perGroup, perGroup),
    made: among(y + g * filters, filters),
    g,
  })).filter(({ read, made }) => read.length + made.length > 0);
  const locals = new Set(groups.flatMap(({ read }) => read));
  const count = Math.max(1, ...groups.map(({ made }) => made.length));
  for (const { g, made } of groups) {
    locals.forEach((c) => keep(x + g * perGroup + c));
    for (let f = 0, left = count - made.length; left > 0; f++) {
      if (kept[y + g * filters + f]) continue;
      keep(y + g * filters + f);
      left--;
    }
  }
}

/** Walks back from the outputs: what is read keeps a channel, unless its reader can do without this input. */
function keepOneOfEach({ graph, channels }: WeighedGraph, kept: Uint8Array, keep: (channel: number) => void): void {
  const empty = (value: string) =>
    !kept.subarray(channels.base(value), channels.base(value) + channels.width(value)).includes(1);
  const needed = new Set(graph.outputs);
  for (const node of [...graph.nodes].reverse()) {
    if (!needed.has(node.outputs[0])) continue;
    const inputs = activations(node, channels);
    for (const input of inputs) {
      if (empty(input)) {
        const rule = ruleOf(node, graph);
        if (rule.kind === "linked" && rule.sparesInputs && !inputs.every(empty)) continue;
        keep(channels.base(input));
        return;
      }
      needed.add(input);
    }
  }
}
