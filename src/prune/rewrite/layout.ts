/**
 * Which channels a compact network keeps. The outputs ask for theirs; a kept filter asks for the channels it reads,
 * unless they are constants that its bias can take over; tied channels (atoms.ts) come along. What nobody asks for goes.
 * Grouped convolutions stay regular, and a value that is still read keeps one channel at least.
 */

import { tensor, type WeighedAnatomy } from "../groups/dependency_graph.ts";
import { activations, forEachLink } from "../groups/channels.ts";
import type { Constants } from "./constant_propagation.ts";
import { firstChannel, type Linear, regionSums, uniform } from "../groups/layers.ts";

export interface Layout {
  /** 0/1 per atom. */
  readonly kept: Uint8Array;
}

/**
 * @param tables nodes (by name) that may fold a constant whose contribution depends on the border, into a table of
 *   biases (docs/pipeline.md); the others keep such a channel
 */
export function solveLayout(anatomy: WeighedAnatomy, known: Constants, tables: ReadonlySet<string>): Layout {
  const { graph, atoms } = anatomy;
  const links = linkTable(anatomy);
  const linearFrom = new Map<number, [Linear, Uint8Array]>();
  for (const [name, linear] of anatomy.linears) {
    const must = mandatory(anatomy, known, linear, tables.has(name));
    for (let f = 0; f < linear.filters; f++) linearFrom.set(atoms.base(linear.y) + f, [linear, must]);
  }
  const kept = new Uint8Array(atoms.total);
  const waiting: number[] = [];
  const keep = (atom: number) => {
    if (kept[atom]) return;
    kept[atom] = 1;
    waiting.push(atom);
  };
  const spread = () => {
    for (let atom = waiting.pop(); atom !== undefined; atom = waiting.pop()) {
      for (let i = links.start[atom]; i < links.start[atom + 1]; i++) keep(links.to[i]);
      const made = linearFrom.get(atom);
      if (!made) continue;
      const [linear, must] = made;
      const f = atom - atoms.base(linear.y);
      const first = atoms.base(linear.x) + firstChannel(linear, f);
      for (let c = 0; c < linear.perGroup; c++) if (must[f * linear.perGroup + c]) keep(first + c);
    }
  };
  const keepAll = (value: string) => {
    for (let j = 0; j < atoms.width(value); j++) keep(atoms.base(value) + j);
  };
  graph.inputs.forEach(({ name }) => keepAll(name));
  graph.outputs.forEach(keepAll);
  do {
    spread();
    for (const linear of anatomy.linears.values()) if (linear.group > 1) regularize(anatomy, linear, kept, keep);
    if (waiting.length === 0) keepOneOfEach(anatomy, kept, keep);
  } while (waiting.length > 0);
  return { kept };
}

/** Nodes whose fold of some constant channel would differ at the border: where a table is a choice. */
export function borderNodes(anatomy: WeighedAnatomy, known: Constants): string[] {
  return [...anatomy.linears].filter(([, linear]) => {
    const open = mandatory(anatomy, known, linear, false);
    const folded = mandatory(anatomy, known, linear, true);
    return open.some((must, i) => must !== folded[i]);
  }).map(([name]) => name);
}

/** 0/1 per (filter, local channel): does the filter need the channel itself? A foldable constant it doesn't. */
function mandatory(anatomy: WeighedAnatomy, known: Constants, linear: Linear, table: boolean): Uint8Array {
  const must = anatomy.reads.get(linear.node.name)!.slice();
  const weight = tensor(anatomy.model, linear.weight);
  const x = anatomy.atoms.base(linear.x);
  const values = Array.from({ length: linear.channels }, (_, c) => known.valueOf(x + c));
  if (values.every((value) => value === undefined)) return must;
  for (let f = 0; f < linear.filters; f++) {
    const first = firstChannel(linear, f);
    for (let c = 0; c < linear.perGroup; c++) {
      const i = f * linear.perGroup + c;
      const value = values[first + c];
      if (value === undefined || !must[i]) continue;
      if (value === 0 || table || uniform(regionSums(linear, weight, f, c)) !== undefined) must[i] = 0;
    }
  }
  return must;
}

/** All links in one array: from atom a to `to[start[a] … start[a + 1])`. */
function linkTable(anatomy: WeighedAnatomy): { start: Uint32Array; to: Uint32Array } {
  const { graph, atoms } = anatomy;
  const each = (visit: (from: number, to: number) => void) => {
    for (const node of graph.nodes) {
      forEachLink(anatomy, node, (made, read, kind) => {
        visit(made, read);
        if (kind === "tie") visit(read, made);
      });
    }
  };
  const start = new Uint32Array(atoms.total + 1);
  each((from) => start[from + 1]++);
  for (let i = 0; i < atoms.total; i++) start[i + 1] += start[i];
  const next = start.slice();
  const to = new Uint32Array(start[atoms.total]);
  each((from, target) => to[next[from]++] = target);
  return { start, to };
}

/**
 * Groups with nothing kept go; the others keep the same local input channels, and as many filters each (the lowest
 * indices fill up).
 */
function regularize({ atoms }: WeighedAnatomy, linear: Linear, kept: Uint8Array, keep: (atom: number) => void): void {
  const perGroup = linear.perGroup;
  const filters = linear.filters / linear.group;
  const x = atoms.base(linear.x);
  const y = atoms.base(linear.y);
  const among = (start: number, count: number) =>
    Array.from({ length: count }, (_, i) => i).filter((i) => kept[start + i]);
  const groups = Array.from({ length: linear.group }, (_, g) => ({
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

/** Walks back from the outputs: what is read keeps a channel. A Concat can do without some of its inputs. */
function keepOneOfEach({ graph, atoms }: WeighedAnatomy, kept: Uint8Array, keep: (atom: number) => void): void {
  const empty = (value: string) =>
    !kept.subarray(atoms.base(value), atoms.base(value) + atoms.width(value)).includes(1);
  const needed = new Set(graph.outputs);
  for (const node of [...graph.nodes].reverse()) {
    if (!needed.has(node.outputs[0])) continue;
    const inputs = activations(node, atoms);
    for (const input of inputs) {
      if (empty(input)) {
        if (node.op === "Concat" && !inputs.every(empty)) continue;
        keep(atoms.base(input));
        return;
      }
      needed.add(input);
    }
  }
}
