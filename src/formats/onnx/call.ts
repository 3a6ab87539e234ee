import type { UserError } from "../../errors.ts";
import type { Attrs, Node, OpName, ParamRole, Shape } from "../../graph/types.ts";
import type { Attributes } from "./attributes.ts";
import type { Constant } from "./tensors.ts";
import type { OnnxNode } from "./types.ts";
import type { View } from "./views.ts";

/** What an operator's import sees of one ONNX node, and how it adds nodes and parameters to the graph. */
export interface Call {
  readonly node: OnnxNode;
  readonly attrs: Attributes;
  readonly opset: number;
  /** The batch that the file was exported with; undefined where it is symbolic there too. */
  readonly fixedBatch: number | undefined;
  /** Inputs, optional ones at the end left out. */
  readonly arity: number;
  isConstant(input: number): boolean;
  /** Is the value a parameter of the graph? */
  isParameter(value: string): boolean;
  /**
   * With its batch first: what the node makes of it has the batch where it was.
   * @throws UserError where the input is missing or constant, or its batch isn't first and the operator works along its axis
   */
  activation(input: number): string;
  /** An activation that may have its batch elsewhere, for operators that move numbers. */
  view(input: number): View;
  /** The view's value with the batch first and the other axes in the order of the file. */
  inOrder(view: View): View;
  /** The shape of an activation, by its name. */
  shape(value: string): Shape;
  /** The node of the graph that makes an activation; undefined for an input. */
  maker(value: string): Node | undefined;
  /** Undefined where the input is left out; @throws UserError where it is an activation. */
  constant(input: number): Constant | undefined;
  /** A parameter of the graph; `kind` ends its name where the file has none for it. */
  parameter(constant: Constant, role: ParamRole, kind: string): string;
  /** A node between others; the name of what it makes. */
  between(op: OpName, inputs: readonly string[], attrs?: Attrs): string;
  /** The node that makes what the ONNX node makes, as output 0 unless told. */
  emit(op: OpName, inputs: readonly string[], attrs?: Attrs, output?: number): void;
  /** What the ONNX node makes is this view: a Transpose once the batch is first, nothing to compute before. */
  emitView(view: View, output?: number): void;
  fail(message: string): UserError;
}

/** @throws UserError where the input is left out */
export function required(call: Call, input: number, role: string): Constant {
  const constant = call.constant(input);
  if (!constant) throw call.fail(`input ${input}, its ${role}, is missing`);
  return constant;
}
