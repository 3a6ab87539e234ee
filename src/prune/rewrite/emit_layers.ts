/** The compact form of a layer: kept rows and columns, and what removed constants leave behind. */

import { arity } from "../../graph/ops/op.ts";
import { opOf } from "../../graph/ops/ops.ts";
import type { Attrs, OpName, Origin } from "../../graph/types.ts";
import type { WeighedGraph } from "../groups/dependency_graph.ts";
import { allOr, type Emission, emitShift } from "../rules/emission.ts";
import { firstChannel, type Layer, regionCount, regionSums, weightAt } from "../rules/layer_view.ts";
import { range, tensor, uniform } from "../rules/operands.ts";
import { ruleOf } from "../rules/table.ts";

export interface LayerEmission extends Emission {
  readonly dependencies: WeighedGraph;
  /** Turn convolutions with all-zero columns into ColumnConvs? */
  readonly columns: boolean;
}

export function emitLayer(e: LayerEmission, layer: Layer): void {
  const filters = e.kept(layer.y);
  const { node } = layer;
  const read = readChannels(e, layer, filters);
  const { op, attrs, weight } = cutWeight(e, layer, filters, read);
  const silent = foldable(e, layer, read);
  const folds = filters.map((f) => foldedConstants(e, layer, f, silent));
  if (arity(opOf(node)).most < 3) return emitProduct(e, layer, weight, Float64Array.from(folds, ([fold]) => fold));
  const inner = folds.some((fold) => uniform(fold) === undefined) ? e.fresh(`${layer.y}.inner`) : undefined;
  const bias = inner ? undefined : cutBias(e, layer, filters, folds.map((fold) => fold[0]));
  e.node({
    ...node,
    op,
    attrs,
    inputs: bias ? [layer.x, weight, bias] : [layer.x, weight],
    outputs: [inner ?? layer.y],
  });
  if (inner) emitTable(e, layer, filters, folds, inner);
}

/** A product has no bias of its own: what is folded goes into the one that is added behind it. */
function emitProduct(e: LayerEmission, layer: Layer, weight: string, shift: Float64Array): void {
  const { node, x, y } = layer;
  const { shapes, channels } = e.dependencies;
  const plain = shift.every((v) => v === 0);
  if (plain && isIdentity(e, layer)) return e.alias(y, x);
  const inPlace = plain || hasBias(e, y);
  const product = inPlace ? y : e.fresh(`${y}.inner`);
  e.node({ ...node, inputs: [x, weight], outputs: [product] });
  if (plain) return;
  if (inPlace) e.pendingBias.set(y, shift);
  else emitShift(e, e.fresh(`${node.name}.shift`), product, y, shift, shapes.get(y)!, channels.axis(y));
}

/** Whether all that is left of a projection hands on what it reads, such as one that chose channels which alone stay. */
function isIdentity(e: LayerEmission, layer: Layer): boolean {
  const [read, made] = [e.kept(layer.x), e.kept(layer.y)];
  if (read.length !== made.length) return false;
  const { data } = tensor(e.dependencies.model, layer.weight);
  return made.every((f, i) => read.every((c, j) => data[weightAt(layer, f, c, 0)] === (i === j ? 1 : 0)));
}

/** Does one node alone read the value, and can it take over a number per channel? */
function hasBias({ dependencies }: LayerEmission, y: string): boolean {
  const { graph } = dependencies;
  const readers = graph.nodes.filter((node) => node.inputs.includes(y));
  if (readers.length !== 1 || graph.outputs.includes(y)) return false;
  const rule = ruleOf(readers[0], graph);
  return rule.kind === "linked" && (rule.takesPendingBias?.(readers[0], y, dependencies) ?? false);
}

/**
 * Input channels that the new weight reads: those that stay. When columns may go, it does without constants that only stay
 * for somebody else (a residual stream's), if they fold without a table.
 */
function readChannels(e: LayerEmission, layer: Layer, filters: readonly number[]): ReadonlySet<number> {
  const { dependencies, known } = e;
  const stays = new Set(e.kept(layer.x));
  // What shares its weight reads what the others do.
  if (!e.columns || layer.group > 1 || layer.axes.filter === 1 || dependencies.shared.has(layer.weight)) return stays;
  const weight = tensor(dependencies.model, layer.weight);
  const reads = dependencies.reads.get(layer.node.name)!;
  for (const c of stays) {
    const value = known.valueOf(dependencies.channels.base(layer.x) + c);
    if (value === undefined) continue;
    const folds = (f: number) =>
      !reads[f * layer.perGroup + c] || uniform(regionSums(layer, weight, f, c)) !== undefined;
    if (value === 0 || filters.every(folds)) stays.delete(c);
  }
  return stays;
}

/** Channels that aren't read any more though they hold a constant other than 0. */
function foldable({ dependencies, known }: LayerEmission, { x, channels }: Layer, read: ReadonlySet<number>): number[] {
  const first = dependencies.channels.base(x);
  return range(channels).filter((c) => !read.has(c) && (known.valueOf(first + c) ?? 0) !== 0);
}

/**
 * Σ v · (taps that the region sees) over the constant channels that filter f doesn't read any more, float64, per region
 * (docs/pipeline.md).
 */
function foldedConstants(
  { dependencies, known }: LayerEmission,
  layer: Layer,
  f: number,
  silent: readonly number[],
): Float64Array {
  const { perGroup } = layer;
  const fold = new Float64Array(regionCount(layer));
  const reads = dependencies.reads.get(layer.node.name)!;
  const first = firstChannel(layer, f);
  for (const channel of silent) {
    const c = channel - first;
    if (c < 0 || c >= perGroup || !reads[f * perGroup + c]) continue;
    const value = known.valueOf(dependencies.channels.base(layer.x) + channel)!;
    const sums = regionSums(layer, tensor(dependencies.model, layer.weight), f, c);
    sums.forEach((sum, region) => fold[region] += value * sum);
  }
  return fold;
}

function cutWeight(
  e: LayerEmission,
  layer: Layer,
  filters: readonly number[],
  read: ReadonlySet<number>,
): { op: OpName; attrs: Attrs; weight: string } {
  if (layer.axes.filter === 1) return cutChannelRows(e, layer, filters);
  const { node, size, perGroup } = layer;
  const groups = new Set(filters.map((f) => Math.floor(f / (layer.filters / layer.group))));
  const locals = localChannels(e, layer, groups);
  const all = locals.flatMap((c) => range(size).map((k) => c * size + k));
  const shape = tensor(e.dependencies.model, layer.weight).shape;
  const grouped: Attrs = layer.group > 1 ? { ...node.attrs, group: groups.size } : node.attrs;
  // A weight that others share stays as it is for them.
  const mayCut = e.columns && layer.hasColumns && !e.dependencies.shared.has(layer.weight);
  if (groups.size === 1 && (mayCut || layer.columnAt)) {
    const used = usedColumns(e, layer, filters, all, read);
    if (used.length < all.length || layer.columnAt) return cutColumns(e, layer, filters, locals, used);
  }
  const origin = {
    source: layer.weight,
    keep: [allOr(filters, layer.filters), allOr(locals, perGroup), ...shape.slice(2).map(() => null)],
  };
  const cut = [filters.length, locals.length, ...shape.slice(2)];
  return { op: node.op, attrs: grouped, weight: writeWeight(e, layer, filters, all, cut, origin) };
}

/** A weight [C, F, …]: of its rows and columns those stay whose channels do. */
function cutChannelRows(
  e: LayerEmission,
  { node, weight, x, channels, filters: all, size }: Layer,
  filters: readonly number[],
): { op: OpName; attrs: Attrs; weight: string } {
  const read = e.kept(x);
  const { data, shape: [, , ...kernel] } = tensor(e.dependencies.model, weight);
  const numbers = new Float64Array(read.length * filters.length * size);
  let at = 0;
  for (const c of read) {
    for (const f of filters) for (let k = 0; k < size; k++) numbers[at++] = data[(c * all + f) * size + k];
  }
  const origin = {
    source: weight,
    keep: [allOr(read, channels), allOr(filters, all), ...kernel.map(() => null)],
  };
  const spec = { role: "weight", shape: [read.length, filters.length, ...kernel] } as const;
  return { op: node.op, attrs: node.attrs, weight: e.param(weight, spec, numbers, origin) };
}

/** The same for all groups that stay (layout.ts sees to it). */
function localChannels(e: LayerEmission, layer: Layer, groups: ReadonlySet<number>): number[] {
  const locals = new Set<number>();
  for (const c of e.kept(layer.x)) {
    if (groups.has(Math.floor(c / layer.perGroup))) locals.add(c % layer.perGroup);
  }
  return [...locals].sort((a, b) => a - b);
}

/** Columns with a weight that isn't 0 and sees the image. */
function usedColumns(
  e: LayerEmission,
  layer: Layer,
  filters: readonly number[],
  all: readonly number[],
  read: ReadonlySet<number>,
): number[] {
  const { data } = tensor(e.dependencies.model, layer.weight);
  const used = new Set<number>();
  // Filter by filter, for that is how the numbers lie; most columns are decided by the first.
  let open = all.filter((column) => {
    const local = Math.floor(column / layer.size);
    return (layer.group > 1 || read.has(local)) && layer.reachable[column % layer.size] === 1;
  });
  for (const f of filters) {
    open = open.filter((column) => {
      const at = weightAt(layer, f, Math.floor(column / layer.size), column % layer.size);
      if (at < 0 || data[at] === 0) return true;
      used.add(column);
      return false;
    });
    if (open.length === 0) break;
  }
  return all.filter((column) => used.has(column));
}

function cutColumns(
  e: LayerEmission,
  layer: Layer,
  filters: readonly number[],
  locals: readonly number[],
  used: readonly number[],
): { op: OpName; attrs: Attrs; weight: string } {
  const { node, size, columnAt } = layer;
  // Something must stand there, even if nothing is read.
  const columns = used.length > 0 ? used : [locals[0] * size];
  const position = new Map(locals.map((c, i) => [c, i]));
  const taps = columns.map((column) => position.get(Math.floor(column / size))! * size + column % size);
  const { strides, pads, dilations } = node.attrs;
  const window = Object.fromEntries(Object.entries({ strides, pads, dilations }).filter(([, v]) => v !== undefined));
  const attrs = { ...window, kernel_shape: layer.kernel, taps };
  const source = columnAt ? columns.map((column) => columnAt[column]) : columns;
  const shape = [filters.length, columns.length];
  if (used.length === 0) {
    const zeros = new Float64Array(filters.length);
    return { op: "ColumnConv", attrs, weight: e.param(layer.weight, { role: "weight", shape }, zeros) };
  }
  const origin = {
    source: layer.weight,
    keep: [allOr(filters, layer.filters), allOr(source, layer.rowLength)],
  };
  return { op: "ColumnConv", attrs, weight: writeWeight(e, layer, filters, columns, shape, origin) };
}

function writeWeight(
  e: LayerEmission,
  layer: Layer,
  filters: readonly number[],
  columns: readonly number[],
  shape: readonly number[],
  origin: Origin,
): string {
  const { data } = tensor(e.dependencies.model, layer.weight);
  const spec = { role: "weight", shape } as const;
  if (filters.length === layer.filters && columns.length === layer.rowLength) {
    return e.param(layer.weight, spec, data, origin);
  }
  const places = Int32Array.from(columns, (column) => layer.columnAt ? layer.columnAt[column] : column);
  const out = new (data.constructor as typeof Float32Array)(filters.length * columns.length);
  filters.forEach((f, i) => {
    const row = f * layer.rowLength;
    const to = i * columns.length;
    for (let t = 0; t < places.length; t++) out[to + t] = data[row + places[t]];
  });
  return e.param(layer.weight, spec, out, origin);
}

/** The old bias plus what was folded; a convolution without one gets one if there is something to add. */
function cutBias(
  e: LayerEmission,
  layer: Layer,
  filters: readonly number[],
  folds: readonly number[],
): string | undefined {
  const nothing = folds.every((fold) => fold === 0);
  if (!layer.bias) {
    if (nothing) return undefined;
    const spec = { role: "bias", shape: [filters.length] } as const;
    return e.param(e.fresh(`${layer.node.name}.bias`), spec, Float64Array.from(folds));
  }
  const { data } = tensor(e.dependencies.model, layer.bias);
  const sums = Float64Array.from(filters, (f, i) => data[f] + folds[i]);
  const origin = { source: layer.bias, keep: [allOr(filters, layer.filters)] };
  return e.param(layer.bias, { role: "bias", shape: [filters.length] }, sums, origin);
}

/** A bias per filter and region; it takes the convolution's own bias in, so that none is stored twice. */
function emitTable(
  e: LayerEmission,
  layer: Layer,
  filters: readonly number[],
  folds: readonly Float64Array[],
  inner: string,
): void {
  const { node, rows, cols } = layer;
  const bias = layer.bias ? tensor(e.dependencies.model, layer.bias).data : undefined;
  const table = new Float64Array(filters.length * regionCount(layer));
  filters.forEach((f, i) => {
    folds[i].forEach((fold, region) => table[i * folds[i].length + region] = fold + (bias ? bias[f] : 0));
  });
  const spec = { role: "table", shape: [filters.length, rows.taps.length, cols.taps.length] } as const;
  const name = e.param(e.fresh(`${node.name}.table`), spec, table);
  e.node({
    name: e.fresh(`${node.name}.border`),
    op: "BorderBias",
    inputs: [inner, name],
    outputs: [layer.y],
    attrs: { rows: rows.of, cols: cols.of },
  });
}
