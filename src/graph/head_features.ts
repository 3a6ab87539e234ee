/**
 * Which features of tokens [N,T,F] the numbers of attention's heads [N,H,T,D] are, where nothing stands between them but what moves
 * numbers. Pure.
 */
import { padAttrs, sliceAttrs } from "./attrs.ts";
import { moved } from "./heads.ts";
import { opOf } from "./ops/ops.ts";
import { isPad } from "./roles.ts";
import { contiguous, permuted, reshaped, type Strided } from "./strided.ts";
import type { Node, Shape } from "./types.ts";

/** Numbers of heads as features of tokens. */
export interface HeadFeatures {
  /** The tokens, [N,T,F]. */
  readonly value: string;
  /** Numbers of a head, zeros behind them not counted. */
  readonly depth: number;
  /** The feature of number j of head h stands at h · depth + j. */
  readonly features: readonly number[];
  /** The nodes between, in order of execution. */
  readonly between: readonly Node[];
}

/** What is asked of a graph. */
export interface Surroundings {
  readonly shapes: ReadonlyMap<string, Shape>;
  /** By value. */
  readonly makers: ReadonlyMap<string, Node>;
  readonly readers: ReadonlyMap<string, readonly Node[]>;
}

/** Of an operand of attention [N,H,T,D]; undefined where its numbers aren't features one by one. */
export function operandFeatures(value: string, { shapes, makers }: Surroundings): HeadFeatures | undefined {
  const between: Node[] = [];
  let inner = value;
  const last = makers.get(value);
  if (last && isPad(last)) {
    const { begins, ends } = padAttrs(last, 4);
    if (begins.some((n) => n > 0) || ends.slice(0, 3).some((n) => n > 0)) return undefined;
    between.push(last);
    inner = last.inputs[0];
  }
  let found: HeadFeatures | undefined;
  for (let at = inner;;) {
    const view = followed(shapes.get(at)!, between.filter((node) => !isPad(node)), shapes);
    const features = view && featuresIn(view, shapes.get(at)!);
    if (features) found = { value: at, ...features, between: [...between] };
    const maker = makers.get(at);
    const before = maker && shapes.get(maker.inputs[0]);
    if (!maker || !before || !moved(maker, contiguous(before), shapes)) return found;
    between.unshift(maker);
    at = maker.inputs[0];
  }
}

/** Of what attention makes, as the tokens that a layer reads of it; undefined where others read it, or it is no features. */
export function outputFeatures(value: string, { shapes, readers }: Surroundings): HeadFeatures | undefined {
  const between: Node[] = [];
  let at = value;
  let next = onlyReader(at, readers);
  const cut = next && sliceOf(next, shapes.get(at)!);
  if (next && cut === "first numbers") {
    between.push(next);
    at = next.outputs[0];
    next = onlyReader(at, readers);
  }
  const movers: Node[] = [];
  const from = shapes.get(at)!;
  for (; next; next = onlyReader(at, readers)) {
    if (!inverted(next, contiguous(shapes.get(next.outputs[0])!), shapes)) return undefined;
    movers.push(next);
    at = next.outputs[0];
    const to = shapes.get(at)!;
    const view = movers.toReversed().reduce<Strided | undefined>(
      (x, node) => x && inverted(node, x, shapes),
      contiguous(to),
    );
    const features = view && view.shape.join() === from.join() ? featuresIn(view, to) : undefined;
    if (features) return { value: at, ...features, between: [...between, ...movers] };
  }
  return undefined;
}

function followed(shape: Shape, nodes: readonly Node[], shapes: ReadonlyMap<string, Shape>): Strided | undefined {
  return nodes.reduce<Strided | undefined>((x, node) => x && moved(node, x, shapes), contiguous(shape));
}

/** Where the numbers of the node's input lie, as those of its output lie in `y`. */
function inverted(node: Node, y: Strided, shapes: ReadonlyMap<string, Shape>): Strided | undefined {
  const { inference, axes } = opOf(node);
  const shape = shapes.get(node.inputs[0])!;
  if (inference.kind === "view") return reshaped(y, shape);
  const perm = axes?.kind === "permutes" ? axes.perm(node, shape) : undefined;
  return perm && permuted(y, perm.map((_, axis) => perm.indexOf(axis)));
}

/** Whether a node takes the first numbers of each head and nothing else. */
function sliceOf(node: Node, shape: Shape): "first numbers" | undefined {
  if (opOf(node).inference.kind !== "slice") return undefined;
  const ranges = sliceAttrs(node, shape);
  const last = ranges.at(-1);
  const others = ranges.slice(0, -1).every((range) => range === null);
  return others && last && last.start === 0 && last.step === 1 ? "first numbers" : undefined;
}

/** The features of heads [N,H,T,D] that lie so in tokens [N,T,F]. */
function featuresIn(view: Strided, tokens: Shape): Pick<HeadFeatures, "depth" | "features"> | undefined {
  if (tokens.length !== 3 || view.shape.length !== 4) return undefined;
  const [, count, width] = tokens as readonly number[];
  const [, heads, rows, depth] = view.shape as readonly number[];
  const [sample, head, row, number] = view.strides;
  if (rows !== count || (row !== width && count > 1) || sample !== count * width) return undefined;
  const features = Array.from(
    { length: heads * depth },
    (_, i) => view.first + Math.floor(i / depth) * head + i % depth * number,
  );
  const inside = features.every((feature) => feature >= 0 && feature < width);
  return inside && new Set(features).size === features.length ? { depth, features } : undefined;
}

function onlyReader(value: string, readers: Surroundings["readers"]): Node | undefined {
  const [reader, ...others] = readers.get(value) ?? [];
  return others.length === 0 ? reader : undefined;
}
