/** Operators that are read wherever the batch stands among their input's axes: they compute the same for each sample. */
import { onnxError } from "./attributes.ts";
import type { Constant } from "./tensors.ts";
import type { OnnxNode } from "./types.ts";
import { batchAxis, type View } from "./views.ts";

/**
 * - "numbers": each number for itself
 * - "operands": two values, number by number, of which one may be a constant
 * - "last axis": along the last axis, and its weights too
 * - "matrices": of the last two axes, or of the last one by a constant
 */
type Reach = "numbers" | "operands" | "last axis" | "matrices";

const REACH: Readonly<Record<string, Reach>> = {
  Relu: "numbers",
  LeakyRelu: "numbers",
  Sigmoid: "numbers",
  Tanh: "numbers",
  HardSigmoid: "numbers",
  HardSwish: "numbers",
  Elu: "numbers",
  Softplus: "numbers",
  Mish: "numbers",
  Abs: "numbers",
  Neg: "numbers",
  Pow: "numbers",
  Sum: "numbers",
  Swish: "numbers",
  Gelu: "numbers",
  Clip: "numbers",
  Identity: "numbers",
  Dropout: "numbers",
  Cast: "numbers",
  Add: "operands",
  Sub: "operands",
  Mul: "operands",
  Div: "operands",
  Gemm: "last axis",
  Softmax: "last axis",
  LayerNormalization: "last axis",
  MatMul: "matrices",
};

/** Whether the operator can take a batch that isn't first. */
export function takesBatchAnywhere(node: OnnxNode): boolean {
  return Object.hasOwn(REACH, node.op);
}

/** @throws UserError where the batch stands among the axes that the operator works along */
export function requireClear(node: OnnxNode, view: View, products: "of activations" | "by a constant"): void {
  const rank = view.groups.length;
  const free: Readonly<Record<Reach, number>> = {
    numbers: rank,
    operands: rank,
    "last axis": rank - 1,
    matrices: products === "of activations" ? rank - 2 : rank - 1,
  };
  const at = batchAxis(view);
  if (at >= free[REACH[node.op]]) throw onnxError(node, `it works along axis ${at}, where the batch stands`);
  const axis = node.attributes.find(({ name, kind }) => name === "axis" && kind === "int")?.value;
  if (axis === undefined || axis === -1 || (axis === rank - 1 && view.groups[at].length === 1)) return;
  throw onnxError(
    node,
    `attribute axis ${axis} beside a batch along axis ${at} isn't supported, expected the last axis`,
  );
}

/**
 * A constant operand as one for the value with its batch first: the batch's axis goes, and those that share it with the batch
 * take its place. @throws UserError where it holds several numbers along that axis
 */
export function besideBatch(node: OnnxNode, constant: Constant, view: View): Constant {
  if (REACH[node.op] !== "operands") return constant;
  const { groups } = view;
  const at = batchAxis(view);
  const own = [...new Array(Math.max(0, groups.length - constant.shape.length)).fill(1), ...constant.shape];
  if (own.length !== groups.length || own[at] !== 1) {
    throw onnxError(node, `a constant [${constant.shape}] beside a batch along axis ${at} isn't supported`);
  }
  const shared = groups[at].slice(1).map(() => 1);
  return { ...constant, shape: [1, ...own.slice(0, at), ...shared, ...own.slice(at + 1)] };
}
