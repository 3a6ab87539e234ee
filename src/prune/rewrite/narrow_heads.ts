/**
 * Dimensions of attention's heads that are 0: those of queries and keys add nothing to the scores where either is, and those of
 * values make zeros. They go from the projections, as many from each head. The scores keep the scale that they had, whatever the
 * depth is now. The operator wants queries, keys and values of one depth: the narrower ones get zeros behind.
 */

import { attentionAttrs } from "../../graph/attrs.ts";
import { identityMap } from "../../graph/indexmap.ts";
import { freshName, takenNames } from "../../graph/names.ts";
import { neededNodes } from "../../graph/rewrite/needed_nodes.ts";
import { isAttention } from "../../graph/roles.ts";
import type { HostTensor, Model, Node, Origin, ParamSpec, Rewrite } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { type AttentionHeads, attentionHeads, type HeadProjection } from "../groups/attention_heads.ts";
import { weigh, type WeighedGraph } from "../groups/dependency_graph.ts";
import { allOr } from "../rules/emission.ts";
import type { Constants } from "../rules/types.ts";
import { constants } from "./constant_propagation.ts";

/** The network without dimensions that are 0 in every head or can be made so many in each; undefined where none goes. */
export function narrowHeads(model: Model): Rewrite | undefined {
  if (!model.graph.nodes.some(isAttention)) return undefined;
  const dependencies = weigh(model);
  const known = constants(dependencies);
  const draft = draftOf(model);
  let changed = false;
  for (const attention of attentionHeads(model.graph, dependencies).found) {
    const kept = keptDimensions(attention, dependencies, known);
    if (!kept) continue;
    rewrite(draft, attention, kept, dependencies);
    changed = true;
  }
  return changed ? finished(draft) : undefined;
}

/** Of each head the dimensions that stay, ascending; as many in each. */
interface Kept {
  readonly qk: readonly (readonly number[])[];
  readonly v: readonly (readonly number[])[];
}

/** Undefined where all stay. */
function keptDimensions(
  { heads, q, k, v, output }: AttentionHeads,
  { channels }: WeighedGraph,
  known: Constants,
): Kept | undefined {
  const silent = ({ value, features, depth }: HeadProjection) => (head: number, j: number) =>
    known.valueOf(channels.base(value) + features[head * depth + j]) === 0;
  const [ofQ, ofK, ofV] = [q, k, v].map(silent);
  // Dimensions beyond one of the two depths meet zeros.
  const shared = Math.min(q.depth, k.depth);
  const qk = evenly(heads, shared, (head, j) => ofQ(head, j) || ofK(head, j));
  const values = evenly(heads, v.depth, output ? ofV : () => false);
  const narrower = qk[0].length < Math.max(q.depth, k.depth) || values[0].length < v.depth;
  return narrower ? { qk, v: values } : undefined;
}

/** As many as the head has that can spare the fewest; the others fill up with the first that they could spare. */
function evenly(heads: number, depth: number, silent: (head: number, j: number) => boolean): number[][] {
  const all = Array.from({ length: depth }, (_, j) => j);
  const wanted = Array.from({ length: heads }, (_, head) => all.filter((j) => !silent(head, j)));
  const count = Math.max(1, ...wanted.map((own) => own.length));
  return wanted.map((own, head) => {
    const spare = all.filter((j) => silent(head, j)).slice(0, count - own.length);
    return [...own, ...spare].sort((a, b) => a - b);
  });
}

/** The network in the making. */
interface Draft {
  readonly model: Model;
  readonly taken: Set<string>;
  /** What stands in place of a node. */
  readonly instead: Map<Node, readonly Node[]>;
  readonly specs: Record<string, ParamSpec>;
  readonly params: Map<string, HostTensor>;
  readonly map: Map<string, Origin>;
}

function draftOf(model: Model): Draft {
  return {
    model,
    taken: takenNames(model.graph),
    instead: new Map(),
    specs: { ...model.graph.params },
    params: new Map(model.params),
    map: new Map(identityMap(model.graph)),
  };
}

function finished({ model: { graph }, instead, specs, params, map }: Draft): Rewrite {
  const nodes = neededNodes(graph.nodes.flatMap((node) => instead.get(node) ?? [node]), graph.outputs);
  return { model: { graph: { ...graph, nodes, params: specs }, params }, map };
}

function rewrite(draft: Draft, attention: AttentionHeads, kept: Kept, { shapes }: WeighedGraph): void {
  const { node, q, k, v, output } = attention;
  const parts = [{ part: q, kept: kept.qk }, { part: k, kept: kept.qk }, { part: v, kept: kept.v }];
  const before = shapes.get(node.outputs[0])!.at(-1) as number;
  const depth = output ? Math.max(kept.qk[0].length, kept.v[0].length) : before;
  const nodes: Node[] = [];
  const operands = new Map<HeadProjection, string>();
  for (const [value, sharing] of Map.groupBy(parts, ({ part }) => part.value)) {
    const { layer, bias } = sharing[0].part;
    const columns = sharing.flatMap(({ part, kept }) => featuresOf(part, kept));
    cut(draft, layer.weight, 1, columns);
    if (bias) cut(draft, bias.param, draft.model.graph.params[bias.param].shape.length - 1, columns);
    let first = 0;
    for (const { part, kept } of sharing) {
      const count = kept.length * kept[0].length;
      const range = count < columns.length ? { first, count } : undefined;
      const tokens = shapes.get(value)![1] as number;
      operands.set(part, toHeads(draft, nodes, node.name, { value, range, tokens, kept, depth }));
      first += count;
    }
  }
  const { scale } = attentionAttrs(node, before);
  const inputs = [q, k, v].map((part) => operands.get(part)!);
  const narrower = output !== undefined && (kept.v[0].length < v.depth || depth < before);
  const made = narrower ? freshName(draft.taken, `${node.outputs[0]}.narrow`) : node.outputs[0];
  nodes.push({ ...node, inputs, outputs: [made], attrs: { ...node.attrs, scale } });
  if (narrower) fromHeads(draft, nodes, { ...attention, output }, { made, depth, kept: kept.v, shapes });
  draft.instead.set(node, nodes);
}

/** Features of the dimensions that stay, head by head. */
function featuresOf({ features, depth }: Pick<HeadProjection, "features" | "depth">, kept: Kept["v"]): number[] {
  return kept.flatMap((own, head) => own.map((j) => features[head * depth + j]));
}

/** Leaves these entries along an axis of a parameter, in this order. */
function cut({ model, specs, params, map }: Draft, name: string, axis: number, keep: readonly number[]): void {
  const { shape, data } = model.params.get(name)!;
  const inner = elements(shape.slice(axis + 1)), outer = elements(shape.slice(0, axis));
  const out = new (data.constructor as typeof Float32Array)(outer * keep.length * inner);
  for (let o = 0; o < outer; o++) {
    keep.forEach((j, i) => {
      const from = (o * shape[axis] + j) * inner;
      out.set(data.subarray(from, from + inner), (o * keep.length + i) * inner);
    });
  }
  const made = shape.with(axis, keep.length);
  specs[name] = { ...specs[name], shape: made };
  params.set(name, { shape: made, data: out });
  const whole = keep.every((j, i) => j === i) ? allOr(keep, shape[axis]) : keep;
  map.set(name, { source: name, keep: shape.map((_, i) => i === axis ? whole : null) });
}

interface Operand {
  /** Tokens [N,T,F], of which these features are the operand's; default: all. */
  readonly value: string;
  readonly range: { readonly first: number; readonly count: number } | undefined;
  readonly tokens: number;
  readonly kept: Kept["v"];
  /** Numbers that the operator wants of a head. */
  readonly depth: number;
}

/** Features as heads [N,H,T,D], zeros behind them. */
function toHeads(
  { taken }: Draft,
  nodes: Node[],
  base: string,
  { value, range, tokens, kept, depth }: Operand,
): string {
  let at = value;
  const put = (op: "Slice" | "Reshape" | "Transpose" | "Pad", attrs: Node["attrs"]) => {
    const name = freshName(taken, `${base}.heads`);
    nodes.push({ name, op, inputs: [at], outputs: [name], attrs });
    at = name;
  };
  if (range) put("Slice", { axes: [2], starts: [range.first], ends: [range.first + range.count], steps: [1] });
  const own = kept[0].length;
  put("Reshape", { shape: [0, tokens, kept.length, own] });
  put("Transpose", { perm: [0, 2, 1, 3] });
  if (own < depth) put("Pad", { pads: [0, 0, 0, 0, 0, 0, 0, depth - own] });
  return at;
}

interface Made {
  readonly made: string;
  readonly depth: number;
  readonly kept: Kept["v"];
  readonly shapes: WeighedGraph["shapes"];
}

/** The features that the projection behind reads, without those that are zeros. */
function fromHeads(
  draft: Draft,
  nodes: Node[],
  { node, heads, output }: AttentionHeads & { readonly output: NonNullable<AttentionHeads["output"]> },
  { made, depth, kept, shapes }: Made,
): void {
  const { taken, instead } = draft;
  const tokens = shapes.get(output.value)![1] as number;
  const own = kept[0].length;
  let at = made;
  const put = (op: "Slice" | "Reshape" | "Transpose", attrs: Node["attrs"], into?: string) => {
    const name = freshName(taken, `${node.name}.joined`);
    nodes.push({ name, op, inputs: [at], outputs: [into ?? name], attrs });
    at = into ?? name;
  };
  if (own < depth) put("Slice", { axes: [3], starts: [0], ends: [own], steps: [1] });
  put("Transpose", { perm: [0, 2, 1, 3] });
  put("Reshape", { shape: [0, tokens, heads * own] }, output.value);
  for (const between of output.between) instead.set(between, []);
  cut(draft, output.layer.weight, 0, featuresOf(output, kept));
}
