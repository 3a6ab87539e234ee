/** A merged layer as nodes with parameters, and its numbers in their layouts. */
import type { Node, ParamRole, ParamSpec } from "../../graph/types.ts";
import type { MergedLayer } from "./plan.ts";

/** The numbers of a layer in one region of its output, by the region's row and column. */
export interface LayerRegions {
  /** [filters, channels / group, kernel rows, kernel columns] */
  kernel(row: number, col: number): Float64Array;
  /** [filters] */
  shift(row: number, col: number): Float64Array;
}

/** What a layer becomes. */
export interface Emitted {
  readonly nodes: readonly Node[];
  readonly params: readonly EmittedParam[];
}

export interface EmittedParam extends ParamSpec {
  readonly name: string;
  numbers(regions: LayerRegions): Float64Array;
}

/**
 * The nodes that stand for a layer.
 *
 * @param rank of its input
 * @param fresh gives a free name
 */
export function emitLayer(layer: MergedLayer, base: string, rank: number, fresh: (base: string) => string): Emitted {
  const name = fresh(base);
  const named = (part: string, role: ParamRole, shape: readonly number[], numbers: EmittedParam["numbers"]) => ({
    name: fresh(`${name}.${part}`),
    role,
    shape,
    numbers,
  });
  if (layer.kind === "linear") return rank === 2 ? gemm(layer, name, named) : product(layer, name, rank, named, fresh);
  if (layer.border === "kernel") return regionConv(layer, name, named);
  return conv(layer, name, named, fresh);
}

type Named = (
  part: string,
  role: ParamRole,
  shape: readonly number[],
  numbers: EmittedParam["numbers"],
) => EmittedParam;

const insideKernel = ({ kernel }: LayerRegions) => kernel(0, 0);
const insideShift = ({ shift }: LayerRegions) => shift(0, 0);

function conv(layer: MergedLayer, name: string, named: Named, fresh: (base: string) => string): Emitted {
  const { input, output, bias, border, filters, channels, group, kernel, rows, cols } = layer;
  const weight = named("weight", "weight", [filters, channels / group, ...kernel], insideKernel);
  const attrs = convAttributes(layer);
  if (border === "none") {
    const shift = bias ? [named("bias", "bias", [filters], insideShift)] : [];
    const params = [weight, ...shift];
    return { nodes: [{ name, op: "Conv", inputs: [input, ...namesOf(params)], outputs: [output], attrs }], params };
  }
  const [height, width] = [count(rows), count(cols)];
  const table = named("border", "table", [filters, height, width], ({ shift }) => {
    const shifts = everyRegion(height, width, shift);
    return Float64Array.from(
      { length: filters * shifts.length },
      (_, i) => shifts[i % shifts.length][Math.floor(i / shifts.length)],
    );
  });
  const inside = fresh(`${name}.inside`);
  const nodes: Node[] = [
    { name, op: "Conv", inputs: [input, weight.name], outputs: [inside], attrs },
    {
      name: fresh(`${name}.border_bias`),
      op: "BorderBias",
      inputs: [inside, table.name],
      outputs: [output],
      attrs: { rows, cols },
    },
  ];
  return { nodes, params: [weight, table] };
}

function regionConv(layer: MergedLayer, name: string, named: Named): Emitted {
  const { input, output, filters, channels, group, kernel, rows, cols } = layer;
  const [height, width] = [count(rows), count(cols)];
  const all = (of: (row: number, col: number) => Float64Array) => joined(everyRegion(height, width, of));
  const weight = named(
    "weight",
    "table",
    [height * width, filters, channels / group, ...kernel],
    (regions) => all(regions.kernel),
  );
  const shift = named("bias", "table", [height * width, filters], (regions) => all(regions.shift));
  // Tables begin with zeros unless told: as a convolution (He et al. 2015, over the fan-out), it can be trained from scratch.
  const init = { normal: Math.sqrt(2 / ((filters / group) * kernel[0] * kernel[1])) };
  const params = [{ ...weight, init }, shift];
  const attrs = { ...convAttributes(layer), rows, cols };
  return { nodes: [{ name, op: "RegionConv", inputs: [input, ...namesOf(params)], outputs: [output], attrs }], params };
}

function gemm({ input, output, bias, filters, channels }: MergedLayer, name: string, named: Named): Emitted {
  const weight = named("weight", "weight", [filters, channels], insideKernel);
  const params = bias ? [weight, named("bias", "bias", [filters], insideShift)] : [weight];
  return { nodes: [{ name, op: "Gemm", inputs: [input, ...namesOf(params)], outputs: [output], attrs: {} }], params };
}

/** Over the last axis of tokens: a product by [K,F], and the sum with a bias [1,…,1,F]. */
function product(
  { input, output, bias, filters, channels }: MergedLayer,
  name: string,
  rank: number,
  named: Named,
  fresh: (base: string) => string,
): Emitted {
  const weight = named("weight", "weight", [channels, filters], ({ kernel }) => {
    const rows = kernel(0, 0);
    return rows.map((_, i) => rows[i % filters * channels + Math.floor(i / filters)]);
  });
  const multiply = (made: string): Node => ({
    name,
    op: "MatMul",
    inputs: [input, weight.name],
    outputs: [made],
    attrs: {},
  });
  if (!bias) return { nodes: [multiply(output)], params: [weight] };
  const ones = new Array<number>(rank - 1).fill(1);
  const shift = named("bias", "bias", [...ones, filters], insideShift);
  const made = fresh(`${name}.product`);
  const add = fresh(`${name}.add`);
  return {
    nodes: [multiply(made), { name: add, op: "Add", inputs: [made, shift.name], outputs: [output], attrs: {} }],
    params: [weight, shift],
  };
}

function convAttributes({ kernel, strides, pads, dilations, group }: MergedLayer) {
  return { kernel_shape: kernel, strides, pads, dilations, group };
}

function namesOf(params: readonly EmittedParam[]): string[] {
  return params.map(({ name }) => name);
}

function count(regions: readonly number[]): number {
  return Math.max(...regions) + 1;
}

function everyRegion<T>(height: number, width: number, of: (row: number, col: number) => T): T[] {
  return Array.from({ length: height * width }, (_, i) => of(Math.floor(i / width), i % width));
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.length * parts[0].length);
  parts.forEach((part, i) => all.set(part, i * part.length));
  return all;
}
