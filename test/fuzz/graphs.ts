/** ONNX graphs from a grammar: every operator in forms that exporters write, and now and then in one that nobody does. */
import { UserError } from "../../src/errors.ts";
import { importOnnx } from "../../src/formats/onnx/import.ts";
import type { OnnxModel, OnnxNode, OnnxTensor } from "../../src/formats/onnx/types.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { float32, int64, model, node } from "../formats/onnx-models.ts";
import { type Draws, NAMES, WHOLE } from "./draws.ts";

type Attributes = Readonly<Record<string, number | string | readonly number[] | OnnxTensor>>;

/** Inputs by what they are: x a value of any kind, w4 a weight of four axes, v a vector, s a number, i whole numbers, - none. */
type Form = readonly [inputs: string, attributes?: Attributes];

const window = { kernel_shape: [2, 2], strides: [1, 2], pads: [0, 1, 1, 0] };
const onX = (attributes?: Attributes): readonly Form[] => [["x", attributes]];
const pair: readonly Form[] = [["x x"], ["x s"], ["s x"], ["x v"], ["i i"]];
const reduction: readonly Form[] = [["x", { axes: [2, 3], keepdims: 0 }], ["x i", { keepdims: 1 }], ["w4", {
  axes: [1],
}]];

const FORMS: Readonly<Record<string, readonly Form[]>> = {
  Conv: [["x w4"], ["x w4 v", { group: 2, dilations: [1, 2], pads: [1, 1, 1, 1] }], ["x w4", {
    auto_pad: "SAME_UPPER",
  }]],
  ConvTranspose: [["x w4", { strides: [2, 2] }], ["x w4 v", { output_padding: [1, 1], group: 2 }]],
  Gemm: [["x w2 v", { transB: 1 }], ["x w2", { alpha: 0.5, transA: 1 }]],
  MatMul: [["x w2"], ["x x"], ["w2 x"]],
  BatchNormalization: [["x v v v v", { epsilon: 1e-5 }], ["x v v v v", { training_mode: 1 }]],
  LayerNormalization: [["x v v", { axis: -1 }], ["x v", { axis: 1 }]],
  GroupNormalization: [["x v v", { num_groups: 2 }]],
  InstanceNormalization: [["x v v"]],
  PRelu: [["x v"], ["x s"]],
  Resize: [["x - v"], ["x - - i", { mode: "linear", coordinate_transformation_mode: "align_corners" }]],
  Clip: [["x s s"], ["x - s"]],
  Softmax: onX({ axis: 1 }),
  Gelu: onX({ approximate: "tanh" }),
  Concat: [["x x", { axis: 1 }], ["i i i", { axis: 0 }], ["w4 w4", { axis: 0 }]],
  MaxPool: onX({ ...window, ceil_mode: 1 }),
  AveragePool: onX({ ...window, count_include_pad: 1 }),
  Flatten: onX({ axis: 1 }),
  Reshape: [["x i"], ["x i", { allowzero: 1 }], ["w4 i"], ["i i"]],
  Squeeze: [["x i"], ["x", { axes: [2] }]],
  Unsqueeze: [["x i"], ["s i"]],
  Transpose: [["x", { perm: [0, 2, 3, 1] }], ["w4", { perm: [1, 0, 2, 3] }], ["x"]],
  Slice: [["x i i i i"], ["i i i"]],
  Pad: [["x i s", { mode: "constant" }], ["x i", { mode: "reflect" }]],
  Split: [["x", { axis: 1, num_outputs: 2 }], ["x i", { axis: 1 }]],
  Gather: [["x s", { axis: 1 }], ["w2 i"], ["i s"]],
  Dropout: [["x"], ["x s s"]],
  Cast: [["x", { to: 1 }], ["i", { to: 7 }], ["x", { to: 10 }]],
  Expand: [["s i"], ["x i"]],
  Tile: [["v i"], ["x i"]],
  ConstantOfShape: [["i"]],
  Range: [["s s s"]],
  Where: [["s x x"], ["i i i"]],
  DepthToSpace: onX({ blocksize: 2 }),
  ReduceMean: reduction,
  ReduceSum: reduction,
  ReduceMax: reduction,
  ReduceProd: [["i", { keepdims: 0 }]],
  Einsum: [["x x", { equation: "nhwc,nhwc->nhw" }], ["x w2", { equation: "nk,fk->nf" }]],
  Shape: [["x"], ["x", { start: 1 }]],
  NonZero: [["i"]],
  Constant: [["", { value_ints: [1, -1] }], ["", { value_float: 2 }]],
  Loop: [["s s x"]],
  QuantizeLinear: [["x s s"]],
  Attention: [["x x x"]],
};
for (
  const op of "Relu LeakyRelu Sigmoid Tanh HardSigmoid HardSwish Elu Softplus Mish Abs Neg Sqrt Exp Erf".split(" ")
) {
  Object.assign(FORMS, { [op]: [["x"], ["w4"]] });
}
for (const op of "GlobalAveragePool GlobalMaxPool Identity NoSuchOperator".split(" ")) {
  Object.assign(FORMS, { [op]: [["x"]] });
}
for (const op of "Add Sub Mul Div Pow Min Max Mod Equal Less And".split(" ")) Object.assign(FORMS, { [op]: pair });

const OPS = Object.keys(FORMS);
const SIZES = [1, 2, 3, 4, 6, 8] as const;
const LISTS = [[-1], [0, -1], [1, 4], [0], [2, 3], [1, 1, 2, 2], [0, 0, 1, 1, 0, 0, 1, 1], [0, 2, 3, -1], [
  -1,
  36,
]] as const;
const INPUTS = [["N", 4, 6, 6], ["N", 4, 6, 6], [1, 3, 8, 8], ["N", 16], ["N", 6, 8], [2, 2, 4, 4, 4], [4]] as const;

/** What is made so far: initialisers, and the values of each kind by name. */
interface Growing {
  readonly dice: Draws;
  readonly initialisers: OnnxTensor[];
  readonly nodes: OnnxNode[];
  readonly values: string[];
}

/**
 * A graph of up to 14 nodes. Nodes that make it refused are left out mostly, so that it grows deep; one in 25 stays, and then
 * something else is wrong with it than with files that were damaged.
 */
export function randomGraph(dice: Draws): Uint8Array {
  const shape = dice.pick(INPUTS).map((size) => dice.once(60) ? dice.pick(WHOLE) : size);
  const opset = dice.pick([11, 13, 17, 17, 18, 20, 21, 99]);
  let grown: Growing = { dice, initialisers: [], nodes: [], values: ["x"] };
  for (let left = 1 + dice.below(14); left > 0; left--) {
    const { initialisers, nodes, values } = grown;
    const next: Growing = { dice, initialisers: [...initialisers], nodes: [...nodes], values: [...values] };
    addNode(next);
    if (dice.once(25) || isRead(graphOf(next, shape, opset))) grown = next;
  }
  const made = graphOf(grown, shape, opset);
  if (!dice.once(20)) return writeOnnx(made);
  const [output] = made.graph.outputs;
  return writeOnnx({
    ...made,
    graph: { ...made.graph, outputs: [{ ...output, name: dice.pick(grown.values) }, output] },
  });
}

function graphOf(
  { nodes, initialisers, values }: Growing,
  shape: readonly (number | string)[],
  opset: number,
): OnnxModel {
  const made = model(nodes, { input: shape, initialisers, opset });
  const [output] = made.graph.outputs;
  return { ...made, graph: { ...made.graph, outputs: [{ ...output, name: values.at(-1)! }] } };
}

function isRead(made: OnnxModel): boolean {
  try {
    importOnnx(made);
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

function addNode({ dice, initialisers, nodes, values }: Growing): void {
  const op = dice.pick(OPS);
  const [kinds, attributes = {}] = dice.pick(FORMS[op]);
  const inputs = kinds.split(" ").filter((kind) => kind !== "").map((kind) => {
    if (dice.once(30)) return dice.pick(["", "nobody", ...values]);
    if (kind === "-") return "";
    // The newest value mostly, so that graphs grow deep.
    if (kind === "x") return dice.once(4) ? dice.pick(values) : values.at(-1)!;
    const tensor = constantOf(kind, `c${initialisers.length}`, dice);
    initialisers.push(tensor);
    return tensor.name;
  });
  const name = dice.once(40) ? dice.pick(NAMES) : `v${values.length}`;
  const made = node(op, inputs, name, changed(attributes, dice), `n${nodes.length}`);
  nodes.push(op === "Split" ? { ...made, outputs: [name, `${name}b`] } : made);
  values.push(name);
}

/** The attributes as they are, or one of them with another value, or one too many. */
function changed(attributes: Attributes, dice: Draws): Attributes {
  if (!dice.once(6)) return attributes;
  const key = dice.pick([...Object.keys(attributes), "axis", "axes", "group", "mode", "value"]);
  const value = dice.pick<Attributes[string]>([
    dice.pick(WHOLE),
    dice.pick(LISTS),
    [dice.pick(WHOLE), dice.pick(WHOLE)],
    "text",
    -dice.below(8),
    int64("t", [dice.pick(WHOLE)]),
  ]);
  return { ...attributes, [key]: value };
}

function constantOf(kind: string, name: string, dice: Draws): OnnxTensor {
  const size = () => dice.once(80) ? dice.pick([0, 2 ** 20, 2 ** 31]) : dice.pick(SIZES);
  if (kind === "i") {
    const list = dice.pick(LISTS).map((value) => dice.once(25) ? dice.pick(WHOLE) : value);
    return int64(name, list);
  }
  if (kind === "s") return scalar(name, dice);
  const dims = kind === "w4" ? [size(), dice.pick([4, 4, 4, 2, 1, 3]), dice.pick([1, 2, 3]), dice.pick([1, 2, 3])] : [];
  if (kind === "w2") dims.push(dice.pick([16, 8, 36, size()]), size());
  if (kind === "v") dims.push(dice.pick([4, 4, 6, 8, size()]));
  const count = dims.reduce((a, b) => a * b, 1);
  // A shape that promises more than the file has is a case of its own.
  const values = Array.from({ length: Math.min(count, 1000) }, (_, i) => Math.sin(i + dims[0]));
  return float32(name, dims, values);
}

function scalar(name: string, dice: Draws): OnnxTensor {
  const value = dice.once(5) ? dice.pick(WHOLE) : dice.pick([0, 1, 2, 3, 6, -1]);
  if (dice.once(2)) return float32(name, [], [value]);
  return int64(name, [value], []);
}
