/** A small builder for graphs, with PyTorch's parameter names. It infers shapes as it goes, so mistakes show where they are made. */

import { inferNode } from "./infer.ts";
import { freshName } from "./names.ts";
import type { Attrs, Graph, Init, Node, OpName, ParamRole, ParamSpec, Shape } from "./types.ts";

/** Height and width, or one number for both. */
export type Size = number | readonly [number, number];
/** One number for all four sides, or ONNX's [top, left, bottom, right]. */
export type Padding = number | readonly [number, number, number, number];

/** A convolution of a graph in the making. */
export interface ConvOptions {
  /** Of the node; its weight is `name.weight`. */
  readonly name: string;
  /** Filters. */
  readonly out: number;
  /** Height and width, or one number for both. */
  readonly kernel: Size;
  /** Default 1. */
  readonly stride?: Size;
  /** Default 0. */
  readonly pad?: Padding;
  /** Default 1. */
  readonly dilation?: Size;
  /** Default 1. */
  readonly group?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** How the weight starts; the bias is then 0, unless told. Default: as initialise.ts says. */
  readonly init?: Init;
  /** How the bias starts; default 0. */
  readonly biasInit?: Init;
}

/** Of a convolution by region, which always has biases. */
export interface RegionConvOptions extends Omit<ConvOptions, "bias" | "init" | "biasInit"> {
  /** Of each row of the output the region that it lies in. */
  readonly rows: readonly number[];
  /** Of each column. */
  readonly cols: readonly number[];
}

/** A linear layer: `out` units, by default with a bias and He's initial weights. */
export type LinearOptions = Pick<ConvOptions, "name" | "out" | "bias" | "init" | "biasInit">;

/** Windows of a pooling. */
export interface PoolOptions {
  /** Height and width of a window, or one number for both. */
  readonly kernel: Size;
  /** Default: the kernel, as in PyTorch. */
  readonly stride?: Size;
  /** Default 0. */
  readonly pad?: Padding;
  /** Of the node; default: made up. */
  readonly name?: string;
}

/**
 * A graph in the making. Methods take names of values and give the name of the new one, which is the node's too; `name`s
 * that are left out are made up. Parameters are named as PyTorch names them, after their node. Shapes are inferred at
 * once: a UserError names the node that doesn't fit.
 */
export interface Builder {
  /** The graph's one input. */
  readonly input: string;
  /** A node of any operator, with ONNX's attributes. */
  node(op: OpName, inputs: readonly string[], attrs?: Attrs, name?: string): string;
  /** Declares a parameter and gives its name on. */
  param(name: string, shape: readonly number[], role: ParamRole, init?: Init): string;
  /** Of a value or a parameter. */
  shape(value: string): Shape;
  /** Size of a value's axis 1. */
  channels(value: string): number;
  /** A convolution of [N,C,H,W]. */
  conv(x: string, options: ConvOptions): string;
  /** A linear layer of [N,K]; its weight is [out,K]. */
  gemm(x: string, options: LinearOptions): string;
  /** A linear layer over the last axis of tokens [N,T,K]; its weight is [K,F], the transpose of PyTorch's. */
  linear(x: string, options: LinearOptions): string;
  /** Batch norm over channels; ε defaults to 1e-5, the running statistics keep 0.9 (ONNX's momentum). */
  batchNorm(
    x: string,
    options: { readonly name: string; readonly epsilon?: number; readonly momentum?: number },
  ): string;
  /** Layer norm over the last axis; ε defaults to 1e-5. */
  layerNorm(x: string, options: { readonly name: string; readonly epsilon?: number; readonly bias?: boolean }): string;
  /** Group norm; ε defaults to 1e-5. */
  groupNorm(
    x: string,
    options: { readonly name: string; readonly groups: number; readonly epsilon?: number },
  ): string;
  /** Kept columns of a convolution, or of a Gemm when `x` is [N,K] and the kernel 1. */
  columnConv(
    x: string,
    options: Omit<ConvOptions, "group" | "init" | "biasInit"> & { readonly taps: readonly number[] },
  ): string;
  /** A convolution with a weight for each region: `rows` and `cols` say in which one each row and column of the output lies. */
  regionConv(x: string, options: RegionConvOptions): string;
  /** Adds a table [C, rows, columns]: `rows` and `cols` say which entry each pixel takes. */
  borderBias(
    x: string,
    options: { readonly name: string; readonly rows: readonly number[]; readonly cols: readonly number[] },
  ): string;
  /** max(x, 0) */
  relu(x: string, name?: string): string;
  /** Clip to [0, 6]. */
  relu6(x: string, name?: string): string;
  /** x · Φ(x), or its tanh form; default "none". */
  gelu(x: string, approximate?: "none" | "tanh", name?: string): string;
  /** 1 / (1 + e⁻ˣ) */
  sigmoid(x: string, name?: string): string;
  /** The hyperbolic tangent. */
  tanh(x: string, name?: string): string;
  /** x where x > 0, else α·x; α defaults to 0.01. */
  leakyRelu(x: string, alpha?: number, name?: string): string;
  /** As LeakyRelu, with a slope per channel. */
  prelu(x: string, options: { readonly name: string }): string;
  /** clip(α·x + β, 0, 1) */
  hardSigmoid(x: string, options: { readonly alpha: number; readonly beta: number }, name?: string): string;
  /** x · clip(x/6 + ½, 0, 1) */
  hardSwish(x: string, name?: string): string;
  /** Over the last axis. */
  softmax(x: string, name?: string): string;
  /** The product over the last two axes; `b` may be a parameter [K,F]. */
  matmul(a: string, b: string, name?: string): string;
  /** Queries, keys and values [N,T,D] or [N,H,T,D]; `scale` of the scores, default 1/√D. */
  attention(
    q: string,
    k: string,
    v: string,
    options?: { readonly scale?: number; readonly name?: string },
  ): string;
  /** a + b; operands meet as docs/engine.md says. */
  add(a: string, b: string, name?: string): string;
  /** a − b */
  sub(a: string, b: string, name?: string): string;
  /** a · b, element by element. */
  mul(a: string, b: string, name?: string): string;
  /** a / b, element by element. */
  div(a: string, b: string, name?: string): string;
  /** The largest of each window. */
  maxPool(x: string, options: PoolOptions): string;
  /** The mean of each window; padding counts where it is told to. */
  averagePool(x: string, options: PoolOptions & { readonly countIncludePad?: boolean }): string;
  /** [N,C,H,W] to [N,C,1,1] */
  globalAveragePool(x: string, name?: string): string;
  /** The mean over neighbouring axes; they go, unless told to keep them with size 1. */
  mean(
    x: string,
    axes: readonly number[],
    options?: { readonly keepdims?: boolean; readonly name?: string },
  ): string;
  /** Every pixel becomes a block of `scales` [rows, columns]. */
  resize(x: string, scales: Size, name?: string): string;
  /** [N, …] to [N, product of the rest] */
  flatten(x: string, name?: string): string;
  /** The wanted shape without the batch. */
  reshape(x: string, rest: readonly number[], name?: string): string;
  /** Axis i of the result is axis perm[i] of x; the batch stays first. */
  transpose(x: string, perm: readonly number[], name?: string): string;
  /** Along axis 1. A parameter [1,C,…] among the values stands in every sample. */
  concat(values: readonly string[], name?: string): string;
  /** x[…, start:end:step, …] along each axis; steps default to 1. */
  slice(
    x: string,
    options: {
      readonly axes: readonly number[];
      readonly starts: readonly number[];
      readonly ends: readonly number[];
      readonly steps?: readonly number[];
    },
    name?: string,
  ): string;
  /** Zeros before and after each axis, the batch included (where they must be 0). */
  pad(x: string, begins: readonly number[], ends: readonly number[], name?: string): string;
  /** These indices along axis 1, in this order. */
  gather(x: string, indices: readonly number[], name?: string): string;
  /** Drops each number with probability `ratio` (default ½) in training; nothing else. */
  dropout(x: string, ratio?: number, name?: string): string;
  /** x itself, under another name. */
  identity(x: string, name?: string): string;
  /** Closes the graph; its outputs are the last value, unless told. */
  graph(outputs?: readonly string[]): Graph;
}

/**
 * A graph in the making, with one input named "input". Every method takes names of values and returns the name of a
 * new one, which is the node's name too; `graph()` closes the graph with the last value as its output, unless told.
 */
export function builder(graphName: string, inputShape: Shape): Builder {
  const nodes: Node[] = [];
  const params: Record<string, ParamSpec> = {};
  const shapes = new Map<string, Shape>([["input", inputShape]]);
  const taken = new Set(["input"]);

  /** Any operator; a missing name is made from the operator's. */
  const node = (op: OpName, inputs: readonly string[], attrs: Attrs = {}, name?: string): string => {
    const own = freshName(taken, name ?? op.toLowerCase());
    const made = { name: own, op, inputs, outputs: [own], attrs };
    shapes.set(own, inferNode(made, inputs.map(shape)));
    nodes.push(made);
    return own;
  };
  const param = (name: string, shape: readonly number[], role: ParamRole, init?: Init): string => {
    params[name] = init === undefined ? { shape, role } : { shape, role, init };
    return name;
  };
  const shape = (value: string): Shape => {
    const found = shapes.get(value) ?? params[value]?.shape;
    if (!found) throw new Error(`graph "${graphName}" has no value "${value}"`);
    return found;
  };
  const channels = (value: string): number => shape(value)[1] as number;

  return {
    input: "input",
    node,
    param,
    shape,
    channels,

    conv(x: string, options: ConvOptions) {
      const { name, out, kernel, stride = 1, pad = 0, dilation = 1, group = 1, bias = true } = options;
      const inputs = [x, param(`${name}.weight`, [out, channels(x) / group, ...pair(kernel)], "weight", options.init)];
      if (bias) inputs.push(param(`${name}.bias`, [out], "bias", options.biasInit));
      return node("Conv", inputs, {
        strides: pair(stride),
        pads: sides(pad),
        dilations: pair(dilation),
        group,
      }, name);
    },

    gemm(x: string, { name, out, bias = true, init, biasInit }: LinearOptions) {
      const inputs = [x, param(`${name}.weight`, [out, channels(x)], "weight", init)];
      if (bias) inputs.push(param(`${name}.bias`, [out], "bias", biasInit));
      return node("Gemm", inputs, {}, name);
    },

    /** A linear layer over the last axis of tokens [N,T,K]; its weight is [K,F], the transpose of PyTorch's. */
    linear(x: string, { name, out, bias = true, init, biasInit }: LinearOptions) {
      const weight = param(`${name}.weight`, [shape(x).at(-1) as number, out], "weight", init);
      const product = node("MatMul", [x, weight], {}, name);
      if (!bias) return product;
      const spread = shape(x).map((_, axis, { length }) => axis === length - 1 ? out : 1);
      return node("Add", [product, param(`${name}.bias`, spread, "bias", biasInit)], {}, `${name}.add`);
    },

    batchNorm(
      x: string,
      { name, epsilon = 1e-5, momentum = 0.9 }: { name: string; epsilon?: number; momentum?: number },
    ) {
      const size = [channels(x)];
      const inputs = [
        x,
        param(`${name}.weight`, size, "gamma"),
        param(`${name}.bias`, size, "beta"),
        param(`${name}.running_mean`, size, "mean"),
        param(`${name}.running_var`, size, "variance"),
      ];
      return node("BatchNormalization", inputs, { epsilon, momentum }, name);
    },

    /** Over the last axis. */
    layerNorm(
      x: string,
      { name, epsilon = 1e-5, bias = true }: { name: string; epsilon?: number; bias?: boolean },
    ) {
      const size = [shape(x).at(-1) as number];
      const inputs = [x, param(`${name}.weight`, size, "gamma")];
      if (bias) inputs.push(param(`${name}.bias`, size, "beta"));
      return node("LayerNormalization", inputs, { axis: -1, epsilon }, name);
    },

    groupNorm(x: string, { name, groups, epsilon = 1e-5 }: { name: string; groups: number; epsilon?: number }) {
      const size = [channels(x)];
      const inputs = [x, param(`${name}.weight`, size, "gamma"), param(`${name}.bias`, size, "beta")];
      return node("GroupNormalization", inputs, { num_groups: groups, epsilon }, name);
    },

    /** Kept columns of a convolution, or of a Gemm when `x` is [N,K] and the kernel 1. */
    columnConv(
      x: string,
      options: Omit<ConvOptions, "group" | "init" | "biasInit"> & { readonly taps: readonly number[] },
    ) {
      const { name, out, kernel, stride = 1, pad = 0, dilation = 1, bias = true, taps } = options;
      const inputs = [x, param(`${name}.weight`, [out, taps.length], "weight")];
      if (bias) inputs.push(param(`${name}.bias`, [out], "bias"));
      return node("ColumnConv", inputs, {
        kernel_shape: pair(kernel),
        strides: pair(stride),
        pads: sides(pad),
        dilations: pair(dilation),
        taps,
      }, name);
    },

    regionConv(x: string, options: RegionConvOptions) {
      const { name, out, kernel, stride = 1, pad = 0, dilation = 1, group = 1, rows, cols } = options;
      const regions = (Math.max(...rows) + 1) * (Math.max(...cols) + 1);
      const size = [regions, out, channels(x) / group, ...pair(kernel)];
      const inputs = [x, param(`${name}.weight`, size, "table"), param(`${name}.bias`, [regions, out], "table")];
      return node("RegionConv", inputs, {
        kernel_shape: pair(kernel),
        strides: pair(stride),
        pads: sides(pad),
        dilations: pair(dilation),
        group,
        rows,
        cols,
      }, name);
    },

    borderBias(x: string, { name, rows, cols }: { name: string; rows: readonly number[]; cols: readonly number[] }) {
      const size = [channels(x), Math.max(...rows) + 1, Math.max(...cols) + 1];
      return node("BorderBias", [x, param(`${name}.table`, size, "table")], { rows, cols }, name);
    },

    relu: (x: string, name?: string) => node("Relu", [x], {}, name),
    relu6: (x: string, name?: string) => node("Clip", [x], { min: 0, max: 6 }, name ?? "relu6"),
    gelu: (x: string, approximate: "none" | "tanh" = "none", name?: string) => node("Gelu", [x], { approximate }, name),
    sigmoid: (x: string, name?: string) => node("Sigmoid", [x], {}, name),
    tanh: (x: string, name?: string) => node("Tanh", [x], {}, name),
    leakyRelu: (x: string, alpha = 0.01, name?: string) => node("LeakyRelu", [x], { alpha }, name),
    /** A slope per channel. */
    prelu: (x: string, { name }: { name: string }) =>
      node("PRelu", [x, param(`${name}.weight`, [channels(x)], "slope")], {}, name),
    hardSigmoid: (x: string, { alpha, beta }: { alpha: number; beta: number }, name?: string) =>
      node("HardSigmoid", [x], { alpha, beta }, name),
    hardSwish: (x: string, name?: string) => node("HardSwish", [x], {}, name),
    softmax: (x: string, name?: string) => node("Softmax", [x], { axis: -1 }, name),
    matmul: (a: string, b: string, name?: string) => node("MatMul", [a, b], {}, name),
    /** Queries, keys and values [N,T,D] or [N,H,T,D]; `scale` of the scores, default 1/√D. */
    attention: (q: string, k: string, v: string, { scale, name }: { scale?: number; name?: string } = {}) =>
      node("Attention", [q, k, v], scale === undefined ? {} : { scale }, name),
    add: (a: string, b: string, name?: string) => node("Add", [a, b], {}, name),
    sub: (a: string, b: string, name?: string) => node("Sub", [a, b], {}, name),
    mul: (a: string, b: string, name?: string) => node("Mul", [a, b], {}, name),
    div: (a: string, b: string, name?: string) => node("Div", [a, b], {}, name),

    maxPool: (x: string, options: PoolOptions) => node("MaxPool", [x], pooling(options), options.name),
    averagePool: (x: string, options: PoolOptions & { readonly countIncludePad?: boolean }) =>
      node("AveragePool", [x], {
        ...pooling(options),
        count_include_pad: options.countIncludePad ? 1 : 0,
      }, options.name),
    globalAveragePool: (x: string, name?: string) => node("GlobalAveragePool", [x], {}, name),

    /** The mean over neighbouring axes; they go, unless told to keep them with size 1. */
    mean: (
      x: string,
      axes: readonly number[],
      { keepdims = false, name }: { keepdims?: boolean; name?: string } = {},
    ) => node("ReduceMean", [x], { axes, keepdims: keepdims ? 1 : 0 }, name),
    /** Every pixel becomes a block of `scales` [rows, columns]. */
    resize: (x: string, scales: Size, name?: string) => node("Resize", [x], { scales: pair(scales) }, name),

    flatten: (x: string, name?: string) => node("Flatten", [x], { axis: 1 }, name),
    /** The wanted shape without the batch. */
    reshape: (x: string, rest: readonly number[], name?: string) => node("Reshape", [x], { shape: [0, ...rest] }, name),
    /** Axis i of the result is axis perm[i] of x; the batch stays first. */
    transpose: (x: string, perm: readonly number[], name?: string) => node("Transpose", [x], { perm }, name),
    /** A parameter [1,C,…] among the values stands in every sample. */
    concat: (values: readonly string[], name?: string) => node("Concat", values, { axis: 1 }, name),
    slice: (
      x: string,
      options: {
        axes: readonly number[];
        starts: readonly number[];
        ends: readonly number[];
        steps?: readonly number[];
      },
      name?: string,
    ) => node("Slice", [x], { ...options, steps: options.steps ?? options.axes.map(() => 1) }, name),
    /** Zeros before and after each axis, the batch included (where they must be 0). */
    pad: (x: string, begins: readonly number[], ends: readonly number[], name?: string) =>
      node("Pad", [x], { pads: [...begins, ...ends] }, name),
    gather: (x: string, indices: readonly number[], name?: string) => node("Gather", [x], { axis: 1, indices }, name),
    dropout: (x: string, ratio = 0.5, name?: string) => node("Dropout", [x], { ratio }, name),
    identity: (x: string, name?: string) => node("Identity", [x], {}, name),

    graph(outputs: readonly string[] = [nodes[nodes.length - 1].name]): Graph {
      return { name: graphName, inputs: [{ name: "input", shape: inputShape }], outputs, nodes, params };
    },
  };
}

function pooling({ kernel, stride = kernel, pad = 0 }: PoolOptions): Attrs {
  return { kernel_shape: pair(kernel), strides: pair(stride), pads: sides(pad) };
}

function pair(size: Size): readonly [number, number] {
  return typeof size === "number" ? [size, size] : size;
}

function sides(pad: Padding): readonly number[] {
  return typeof pad === "number" ? [pad, pad, pad, pad] : pad;
}
