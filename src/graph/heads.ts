/**
 * Which attentions read their heads where a layer made them, and write them where the next one reads them: whatever only moves
 * numbers before and after them then needs no kernel. Pure.
 */
import type { HeadPlaces, RowPlace } from "../../kernels/attention/attention.ts";
import { consumers } from "./names.ts";
import { opOf } from "./ops/ops.ts";
import { isView } from "./roles.ts";
import { contiguous, permuted, reshaped, sliced, type Strided } from "./strided.ts";
import type { Graph, Node, Shape } from "./types.ts";

/** Where an attention finds q, k and v, and puts its output. */
export interface Heads {
  /** The values that q, k and v lie in. */
  readonly inputs: readonly string[];
  /** Where in those values the heads' rows lie. */
  readonly places: HeadPlaces;
  /** The value that the output lies in. */
  readonly output: string;
}

export interface FoundHeads {
  /** Of the attentions that read, or write, another value than the graph says. */
  readonly heads: ReadonlyMap<Node, Heads>;
  /** The nodes that nobody needs for it. */
  readonly passed: ReadonlySet<Node>;
}

export function findHeads(graph: Graph, shapes: ReadonlyMap<string, Shape>): FoundHeads {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const readers = consumers(graph);
  const heads = new Map<Node, Heads>();
  const passed = new Set<Node>();
  const between = new Set<Node>();
  for (const node of graph.nodes) {
    if (opOf(node).inference.kind !== "attention" || shapes.get(node.outputs[0])!.length > 4) continue;
    const sources = node.inputs.map((input) => sourceOf(input, shapes, makers));
    const turned = turnedBy(node, graph, readers, shapes);
    if (!turned && sources.every(({ movers }) => movers.length === 0)) continue;
    const [q, k, v] = sources.map(({ view }) => view);
    const y = turned?.view ?? contiguous(shapes.get(node.outputs[0])!);
    heads.set(node, {
      inputs: sources.map(({ value }) => value),
      places: { perSample: headCount(q.shape), q: placeOf(q), k: placeOf(k), v: placeOf(v), y: placeOf(y) },
      output: (turned?.by ?? node).outputs[0],
    });
    if (turned) passed.add(turned.by);
    for (const mover of sources.flatMap(({ movers }) => movers)) between.add(mover);
  }
  const isPassed = (value: string) =>
    !graph.outputs.includes(value) &&
    (readers.get(value) ?? []).every((reader) =>
      passed.has(reader) || (heads.has(reader) && !heads.get(reader)!.inputs.includes(value))
    );
  for (const node of graph.nodes.toReversed()) {
    if (between.has(node) && node.outputs.every(isPassed)) passed.add(node);
  }
  return { heads, passed };
}

/** A value that another one lies in, how it does, and the nodes that the one has been made of the other by. */
interface Source {
  readonly value: string;
  readonly view: Strided;
  readonly movers: readonly Node[];
}

/** The value farthest back in which the numbers of each row of `value` still follow each other. */
function sourceOf(value: string, shapes: ReadonlyMap<string, Shape>, makers: ReadonlyMap<string, Node>): Source {
  let found: Source = { value, view: contiguous(shapes.get(value)!), movers: [] };
  const movers: Node[] = [];
  for (let maker = makers.get(value); maker; maker = makers.get(movers[0].inputs[0])) {
    movers.unshift(maker);
    const [source] = maker.inputs;
    const whole = shapes.get(source);
    const view = whole &&
      movers.reduce<Strided | undefined>((x, node) => x && moved(node, x, shapes), contiguous(whole));
    if (!view) break;
    if (hasRows(view)) found = { value: source, view, movers: [...movers] };
  }
  return found;
}

/** Where the numbers of the node's output lie, as it only moves those of `x`; undefined for all that does more. */
export function moved(node: Node, x: Strided, shapes: ReadonlyMap<string, Shape>): Strided | undefined {
  const { inference, axes } = opOf(node);
  if (inference.kind === "view") return reshaped(x, shapes.get(node.outputs[0])!);
  if (inference.kind === "slice") return sliced(x, inference.ranges(node, x.shape));
  const perm = axes?.kind === "permutes" ? axes.perm(node, x.shape) : undefined;
  return perm && permuted(x, perm);
}

/** The node that moves the axes of an attention's output, where nobody else reads it, and how the output lies in what it makes. */
function turnedBy(
  { outputs: [output] }: Node,
  graph: Graph,
  readers: ReadonlyMap<string, readonly Node[]>,
  shapes: ReadonlyMap<string, Shape>,
): { readonly by: Node; readonly view: Strided } | undefined {
  const [by, ...others] = readers.get(output) ?? [];
  if (!by || others.length > 0 || graph.outputs.includes(output) || isView(by)) return undefined;
  const { axes } = opOf(by);
  const perm = axes?.kind === "permutes" ? axes.perm(by, shapes.get(output)!) : undefined;
  if (!perm) return undefined;
  const view = permuted(contiguous(shapes.get(by.outputs[0])!), perm.map((_, axis) => perm.indexOf(axis)));
  return hasRows(view) ? { by, view } : undefined;
}

function hasRows({ strides, shape }: Strided): boolean {
  return strides.at(-1) === 1 || shape.at(-1) === 1;
}

/** Of [N,T,D] 1, of [N,H,T,D] H. */
function headCount(shape: Shape): number {
  return shape.length === 4 ? shape[1] as number : 1;
}

function placeOf({ first, shape, strides }: Strided): RowPlace {
  const [sample, head, row] = shape.length === 4 ? strides : [strides[0], 0, strides[1]];
  return { first, sample, head, row };
}
