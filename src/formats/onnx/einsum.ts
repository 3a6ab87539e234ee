/**
 * The import of Einsum: a product of two operands, as a MatMul between the transpositions and reshapes that bring their axes
 * together. Letters fall in four kinds: those of both operands and the result (matrices that go side by side, the batch first
 * among them), those of both operands alone (summed), and those of one operand and the result.
 */
import type { UserError } from "../../errors.ts";
import { elements } from "../../tensor/tensor.ts";
import { type Call, required } from "./call.ts";
import { transposedConstant } from "./fold-layout.ts";

interface Operand {
  readonly letters: readonly string[];
  /** Letter -> its size; the batch is a letter of the activations that isn't in it. */
  readonly sizes: ReadonlyMap<string, number>;
}

interface Kinds {
  readonly shared: readonly string[];
  readonly summed: readonly string[];
  readonly left: readonly string[];
  readonly right: readonly string[];
}

export function einsum(call: Call): void {
  const equation = call.attrs.text("equation", "").replaceAll(" ", "");
  const fail = (why: string) => call.fail(`attribute equation "${equation}" isn't supported: ${why}`);
  if (call.arity !== 2) throw fail(`it is of ${call.arity} operands, expected two`);
  const [first, second] = call.isConstant(0) ? [1, 0] : [0, 1];
  const { terms, result } = lettersOf(equation, [first, second].map((i) => rankOf(call, i)), [first, second], fail);
  const x = call.activation(first);
  const a = operand(terms[0], call.shape(x), fail);
  const batch = a.letters[0];
  if (result[0] !== batch) throw fail("the batch has to stay first");
  if (call.isConstant(second)) return byConstant(call, x, a, second, terms[1], result, fail);
  const y = call.activation(second);
  const b = operand(terms[1], call.shape(y), fail);
  if (b.letters[0] !== batch) throw fail("the batch has to be first in both operands");
  const { shared, summed, left, right } = kindsOf(a, b, result, fail);
  const sizeOf = (letter: string) => a.sizes.get(letter) ?? b.sizes.get(letter)!;
  const inner = shared.slice(1);
  const rows = arranged(call, x, a, [batch, ...inner], left, summed, sizeOf);
  const columns = arranged(call, y, b, [batch, ...inner], summed, right, sizeOf);
  finished(call, [rows, columns], { shared: [batch, ...inner], left, right }, result, sizeOf);
}

/** The constant is a matrix that all samples share. */
function byConstant(
  call: Call,
  x: string,
  a: Operand,
  input: number,
  letters: readonly string[],
  result: readonly string[],
  fail: (why: string) => UserError,
): void {
  const constant = required(call, input, "operand");
  const b = operand(letters, constant.shape, fail, "constant");
  const { shared, summed, left, right } = kindsOf(a, b, result, fail);
  if (shared.length > 0) throw fail("a constant can't go along with the axes of the other operand");
  const sizeOf = (letter: string) => a.sizes.get(letter) ?? b.sizes.get(letter)!;
  const order = [...summed, ...right].map((letter) => letters.indexOf(letter));
  const shape = [summed, right].map((of) => elements(of.map(sizeOf)));
  const matrix = call.parameter({ ...transposedConstant(constant, order), shape }, "weight", "weight");
  const others = left.slice(1);
  const rows = arranged(call, x, a, [left[0]], others, summed, sizeOf);
  finished(call, [rows, matrix], { shared: [left[0]], left: others, right }, result, sizeOf);
}

/** x as [batch, …shared, product of the rows, product of the columns]. */
function arranged(
  call: Call,
  x: string,
  { letters }: Operand,
  shared: readonly string[],
  rows: readonly string[],
  columns: readonly string[],
  sizeOf: (letter: string) => number,
): string {
  const perm = [...shared, ...rows, ...columns].map((letter) => letters.indexOf(letter));
  const turned = perm.every((axis, i) => axis === i) ? x : call.between("Transpose", [x], { perm });
  const shape = [...shared.slice(1).map(sizeOf), elements(rows.map(sizeOf)), elements(columns.map(sizeOf))];
  if (call.shape(turned).slice(1).join() === shape.join()) return turned;
  return call.between("Reshape", [turned], { shape: [0, ...shape] });
}

/** The product [batch, …shared, rows, columns] of both, as the result wants its axes. */
function finished(
  call: Call,
  factors: readonly string[],
  { shared, left, right }: Pick<Kinds, "shared" | "left" | "right">,
  result: readonly string[],
  sizeOf: (letter: string) => number,
): void {
  const letters = [...shared, ...left, ...right];
  const perm = result.map((letter) => letters.indexOf(letter));
  const isTurned = perm.some((axis, i) => axis !== i);
  const isApart = left.length === 1 && right.length === 1;
  if (isApart && !isTurned) return call.emit("MatMul", factors);
  const product = call.between("MatMul", factors);
  const shape = [0, ...letters.slice(1).map(sizeOf)];
  if (!isTurned) return call.emit("Reshape", [product], { shape });
  call.emit("Transpose", [isApart ? product : call.between("Reshape", [product], { shape })], { perm });
}

function kindsOf(
  { letters: a, sizes: left }: Operand,
  { letters: b, sizes: right }: Operand,
  result: readonly string[],
  fail: (why: string) => UserError,
): Kinds {
  const other = a.find((letter) => right.has(letter) && left.get(letter) !== right.get(letter));
  if (other !== undefined) {
    throw fail(`"${other}" stands for axes of ${left.get(other) ?? "the batch"} and ${right.get(other)}`);
  }
  const kinds = {
    shared: a.filter((letter) => b.includes(letter) && result.includes(letter)),
    summed: a.filter((letter) => b.includes(letter) && !result.includes(letter)),
    left: a.filter((letter) => !b.includes(letter) && result.includes(letter)),
    right: b.filter((letter) => !a.includes(letter) && result.includes(letter)),
  };
  const used = kinds.shared.length * 2 + kinds.summed.length * 2 + kinds.left.length + kinds.right.length;
  if (used !== a.length + b.length) throw fail("it sums over an axis of one operand alone");
  if (kinds.summed.length === 0) throw fail("it sums over no axis");
  return kinds;
}

/** The letters of both operands, in this order, and of the result; "…" becomes as many capitals as axes are left. */
function lettersOf(
  equation: string,
  ranks: readonly number[],
  order: readonly number[],
  fail: (why: string) => UserError,
): { readonly terms: readonly (readonly string[])[]; readonly result: readonly string[] } {
  const [sources, target] = equation.split("->");
  const given = sources.split(",");
  if (given.length !== 2) throw fail("expected two operands");
  const others = order.map((at, i) => ranks[i] - given[at].replace("...", "").length);
  const most = Math.max(...order.map((at, i) => given[at].includes("...") ? others[i] : 0));
  const expanded = (text: string, count: number) => [
    ...text.replace("...", Array.from({ length: count }, (_, i) => `${i + most - count}`).join("")),
  ];
  if (most > 9) throw fail("it has too many axes");
  const terms = order.map((at, i) => expanded(given[at], others[i]));
  const counts = new Map<string, number>();
  for (const letter of terms.flat()) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  const implied = [...counts].filter(([letter, count]) => count === 1 || /\d/.test(letter)).map(([letter]) => letter)
    .sort();
  return { terms, result: target === undefined ? implied : expanded(target, most) };
}

function operand(
  letters: readonly string[],
  shape: readonly (number | "N")[],
  fail: (why: string) => UserError,
  kind: "activation" | "constant" = "activation",
): Operand {
  if (letters.length !== shape.length || new Set(letters).size !== letters.length) {
    throw fail(`[${letters.join("")}] can't be the axes of [${shape}]`);
  }
  const sizes = letters.map((letter, axis) => [letter, shape[axis] as number] as const);
  return { letters, sizes: new Map(kind === "activation" ? sizes.slice(1) : sizes) };
}

function rankOf(call: Call, input: number): number {
  return call.isConstant(input) ? call.constant(input)!.shape.length : call.shape(call.activation(input)).length;
}
