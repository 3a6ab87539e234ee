/** Sums and products, of activations or with a constant, by ONNX's rule of broadcasting (axes aligned at the end). */
import type { Attrs, OpName, Shape } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import type { Call } from "./call.ts";
import type { Constant } from "./tensors.ts";

export function importAddition(call: Call): void {
  const operands = sides(call);
  if (!operands.constant) return call.emit("Add", [operands.a, operands.b]);
  addConstant(call, operands.x, operands.constant, call.emit);
}

/** x − c is x + (−c), c − x is (−1)·x + c. */
export function importSubtraction(call: Call): void {
  const operands = sides(call);
  if (!operands.constant) return call.emit("Sub", [operands.a, operands.b]);
  if (operands.first === "constant") addConstant(call, timesNumber(call, operands.x, -1), operands.constant, call.emit);
  else addConstant(call, operands.x, mapped(operands.constant, (v) => -v), call.emit);
}

export function importMultiplication(call: Call): void {
  const operands = sides(call);
  if (!operands.constant) return call.emit("Mul", [operands.a, operands.b]);
  multiplyConstant(call, operands.x, operands.constant, call.emit);
}

/** By a constant x / c is x · (1/c). */
export function importDivision(call: Call): void {
  const operands = sides(call);
  if (!operands.constant) return call.emit("Div", [operands.a, operands.b]);
  if (operands.first === "constant") throw call.fail("the division of a constant isn't supported");
  multiplyConstant(call, operands.x, mapped(operands.constant, (v) => 1 / v), call.emit);
}

/** Times a number. */
export function importScaling(call: Call, factor: number): void {
  const x = call.activation(0);
  const constant: Constant = { name: "", type: "float", shape: [], data: [factor] };
  multiplyConstant(call, x, constant, call.emit);
}

type Sides =
  | { readonly constant?: undefined; readonly a: string; readonly b: string }
  | { readonly constant: Constant; readonly x: string; readonly first: "constant" | "activation" };

function sides(call: Call): Sides {
  for (const [at, other] of [[0, 1], [1, 0]]) {
    if (!call.isConstant(at)) continue;
    return { constant: call.constant(at)!, x: call.activation(other), first: at === 0 ? "constant" : "activation" };
  }
  const [a, b] = [call.activation(0), call.activation(1)];
  // [N,C] beside [N,C,H,W] would stand for height and width, not for what we take it to be.
  if (call.shape(a).length !== call.shape(b).length) {
    throw call.fail(`inputs [${call.shape(a)}] and [${call.shape(b)}] of different rank aren't supported`);
  }
  return { a, b };
}

type Make<T> = (op: OpName, inputs: readonly string[], attrs?: Attrs) => T;

/** x times a constant; `make` adds the node. */
export function multiplyConstant<T>(call: Call, x: string, constant: Constant, make: Make<T>): T {
  const scale = perChannel(constant, call.shape(x)) ?? spread(constant, call.shape(x));
  if (!scale) throw misfit(call, constant, call.shape(x));
  return make("Mul", [x, call.parameter(scale, "gamma", "scale")]);
}

/** Per channel, or, where every pixel has its own, a table over channels and places. */
export function addConstant<T>(call: Call, x: string, constant: Constant, make: Make<T>): T {
  const shape = call.shape(x);
  const shift = perChannel(constant, shape);
  if (shift) return make("Add", [x, call.parameter(shift, "beta", "shift")]);
  const own = constant.shape.length === 4 && constant.shape[0] === 1 ? constant.shape.slice(1) : constant.shape;
  const varied = own.filter((d) => d > 1).length;
  if (shape.length === 4 && varied > 1 && own.join() === shape.slice(1).join()) {
    return borderBias(call, x, { ...constant, shape: own }, make);
  }
  const wide = spread(constant, shape);
  if (!wide) throw misfit(call, constant, shape);
  const byParameter = call.maker(x)?.op === "MatMul" && call.isParameter(call.maker(x)!.inputs[1]);
  const axes = wide.shape.filter((d) => d > 1).length;
  const role = axes > 1 ? "table" : byParameter && wide.shape[wide.shape.length - 1] > 1 ? "bias" : "beta";
  return make("Add", [x, call.parameter(wide, role, "shift")]);
}

/** Rows of pixels that are alike share one row of the table, and so do columns. */
function borderBias<T>(
  call: Call,
  x: string,
  { shape: [channels, height, width], ...constant }: Constant,
  make: Make<T>,
): T {
  const data = constant.data as ArrayLike<number>;
  const at = (c: number, i: number, j: number) => data[(c * height + i) * width + j];
  const all = Array.from({ length: channels }, (_, c) => c);
  const across = Array.from({ length: width }, (_, j) => j);
  const down = Array.from({ length: height }, (_, i) => i);
  const rows = regions(down.map((i) => all.flatMap((c) => across.map((j) => at(c, i, j))).join()));
  const cols = regions(across.map((j) => all.flatMap((c) => down.map((i) => at(c, i, j))).join()));
  const [keptRows, keptCols] = [rows.first, cols.first];
  const numbers = all.flatMap((c) => keptRows.flatMap((i) => keptCols.map((j) => at(c, i, j))));
  const table: Constant = {
    ...constant,
    shape: [channels, keptRows.length, keptCols.length],
    data: Float32Array.from(numbers),
  };
  const attrs = { rows: rows.region, cols: cols.region };
  return make("BorderBias", [x, call.parameter(table, "table", "table")], attrs);
}

/** The region of each place, and the first place of each region. */
function regions(keys: readonly string[]): { readonly region: readonly number[]; readonly first: readonly number[] } {
  const distinct = [...new Set(keys)];
  return { region: keys.map((key) => distinct.indexOf(key)), first: distinct.map((key) => keys.indexOf(key)) };
}

/** The constant as one number per channel ([C], [C,1,1] or [1,C,1,1]); undefined where it differs along other axes. */
function perChannel(constant: Constant, shape: Shape): Constant | undefined {
  const channels = shape[1] as number;
  const { data } = constant;
  const form = [channels, ...shape.slice(2).map(() => 1)];
  if (data.length === 1 && constant.shape.length <= shape.length) {
    return { ...constant, shape: form, data: new Float32Array(channels).fill(data[0] as number) };
  }
  if (constant.shape.join() === form.join() || constant.shape.join() === [1, ...form].join()) return constant;
  return undefined;
}

/**
 * A constant that is the same for all samples and along some axes, with 1 there; undefined where it doesn't fit so. Axes along
 * which it is repeated have to be neighbours in the graph: what stands behind others is written out.
 */
function spread(constant: Constant, shape: Shape): Constant | undefined {
  const own = [...new Array(Math.max(0, shape.length - constant.shape.length)).fill(1), ...constant.shape];
  const fits = own.length === shape.length && own[0] === 1 && own.every((d, axis) => d === 1 || d === shape[axis]);
  if (!fits) return undefined;
  const wide = shape.flatMap((d, axis) => d === 1 ? [] : [axis]);
  const turns = wide.filter((axis, i) => i > 0 && (own[axis] === 1) !== (own[wide[i - 1]] === 1));
  if (turns.length <= 2) return { ...constant, shape: own };
  const full = own.map((d, axis) => axis > turns[0] ? shape[axis] as number : d);
  const steps = own.map((d, axis) => d === 1 ? 0 : elements(own.slice(axis + 1)));
  const data = new Float32Array(elements(full));
  for (let i = 0; i < data.length; i++) {
    let at = 0;
    for (let axis = full.length - 1, rest = i; axis >= 0; axis--) {
      at += rest % full[axis] * steps[axis];
      rest = Math.floor(rest / full[axis]);
    }
    data[i] = constant.data[at] as number;
  }
  return { ...constant, shape: full, data };
}

function timesNumber(call: Call, x: string, factor: number): string {
  const constant: Constant = { name: "", type: "float", shape: [], data: [factor] };
  return call.between("Mul", [x, call.parameter(perChannel(constant, call.shape(x))!, "gamma", "scale")]);
}

function mapped(constant: Constant, to: (v: number) => number): Constant {
  return { ...constant, data: Float32Array.from(constant.data, (v) => to(Number(v))) };
}

function misfit(call: Call, { shape }: Constant, x: Shape) {
  return call.fail(`a constant [${shape}] on [${x}] isn't supported, expected one number per channel`);
}
