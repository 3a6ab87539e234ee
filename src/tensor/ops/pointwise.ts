import { type BinaryKind, planBinary, planBinaryOver } from "../../../kernels/pointwise/binary.ts";
import { planUnary, planUnaryGrad, savedFor, type UnaryKind } from "../../../kernels/pointwise/unary.ts";
import type { MiddleReduction } from "../../../kernels/reduce/middle.ts";
import type { Reduction } from "../../../kernels/reduce/sum.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Tape } from "../tape.ts";
import { elements, Tensor } from "../tensor.ts";
import { launchSum, reductionOver } from "./reduce.ts";

/** This is the largest float32. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/** Computes max(x, 0); the gradient at 0 is 0. */
export function relu(tape: Tape, x: Tensor): Tensor {
  return unary(tape, "relu", x);
}

/** Limits x to [min, max], which may be infinite; the gradient is 0 at the bounds and beyond. relu6 is clip(0, 6). */
export function clip(tape: Tape, x: Tensor, min: number, max: number): Tensor {
  // WGSL may assume that there are no infinities.
  return unary(tape, "clip", x, Math.max(min, -LARGEST), Math.min(max, LARGEST));
}

/**
 * Computes the Gaussian error linear unit: x·Φ(x), or its tanh approximation (Hendrycks and Gimpel, arXiv 1606.08415).
 */
export function gelu(tape: Tape, x: Tensor, approximate: "none" | "tanh" = "none"): Tensor {
  return unary(tape, approximate === "tanh" ? "geluTanh" : "gelu", x);
}

export function sigmoid(tape: Tape, x: Tensor): Tensor {
  return unary(tape, "sigmoid", x);
}

export function tanh(tape: Tape, x: Tensor): Tensor {
  return unary(tape, "tanh", x);
}

/** Gives x where it is positive, else slope · x (Maas, Hannun and Ng 2013); the gradient at 0 is the slope. */
export function leakyRelu(tape: Tape, x: Tensor, slope: number): Tensor {
  return unary(tape, "leakyRelu", x, slope);
}

/** Computes alpha · x + beta, limited to [0, 1]. */
export function hardSigmoid(tape: Tape, x: Tensor, alpha: number, beta: number): Tensor {
  return unary(tape, "hardSigmoid", x, alpha, beta);
}

/** Computes x · hardSigmoid(x, 1/6, 1/2) (Howard et al., arXiv 1905.02244). */
export function hardSwish(tape: Tape, x: Tensor): Tensor {
  return unary(tape, "hardSwish", x);
}

/**
 * Gives x where it is positive, else alpha · (eˣ − 1) (Clevert et al., arXiv 1511.07289); the gradient at 0 is alpha.
 */
export function elu(tape: Tape, x: Tensor, alpha: number): Tensor {
  return unary(tape, "elu", x, alpha);
}

/** Computes |x|; the gradient at 0 is 0. */
export function abs(tape: Tape, x: Tensor): Tensor {
  return unary(tape, "abs", x);
}

/** Computes log(1 + eˣ). */
export function softplus(tape: Tape, x: Tensor): Tensor {
  return unary(tape, "softplus", x);
}

/** Computes x · tanh(log(1 + eˣ)) (Misra, arXiv 1908.08681). */
export function mish(tape: Tape, x: Tensor): Tensor {
  return unary(tape, "mish", x);
}

/** Computes factor · x. */
export function scale(tape: Tape, x: Tensor, factor: number): Tensor {
  const y = tape.empty(x.shape);
  launchUnary(tape.gpu, "scale", x, y, factor);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    launchUnary(tape.gpu, "scale", dy, dx, factor);
    tape.add(x, dx);
  });
  return y;
}

/** Computes a + b; one of them is broadcast as `broadcast` says. */
export function add(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const y = binary(tape, "add", a, b);
  tape.record([a, b], y, (dy) => {
    for (const operand of [a, b]) hand(tape, operand, dy);
  });
  return y;
}

/** Computes a − b; one of them is broadcast as `broadcast` says. */
export function sub(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const y = binary(tape, "sub", a, b);
  tape.record([a, b], y, (dy) => {
    hand(tape, a, dy);
    hand(tape, b, dy, -1);
  });
  return y;
}

/** Computes a · b element by element; one of them is broadcast as `broadcast` says. */
export function mul(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const y = binary(tape, "mul", a, b);
  tape.record([a, b], y, (dy) => {
    addProduct(tape, a, "mul", dy, b);
    addProduct(tape, b, "mul", dy, a);
  });
  return y;
}

/** Computes a / b element by element; one of them is broadcast as `broadcast` says. */
export function div(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const { gpu } = tape;
  const y = binary(tape, "div", a, b);
  tape.record([a, b], y, (dy) => {
    addProduct(tape, a, "div", dy, b);
    if (!tape.needs(b)) return;
    gpu.scope((track) => {
      const product = track(Tensor.empty(gpu, dy.shape));
      launchBinary(gpu, "mul", dy, y, product);
      addProduct(tape, b, "div", product, b, -1);
    });
  });
  return y;
}

/** Gives x where it is positive, else its channel's slope times x, for slope [C] (He et al., arXiv 1502.01852). */
export function prelu(tape: Tape, x: Tensor, slope: Tensor): Tensor {
  const { gpu } = tape;
  const y = tape.empty(x.shape);
  launchBinary(gpu, "prelu", x, slope, y);
  tape.record([x, slope], y, (dy) => {
    if (tape.needs(x)) {
      gpu.scope((track) => {
        const derivative = track(Tensor.empty(gpu, x.shape));
        launchBinary(gpu, "preluSlope", x, slope, derivative);
        addProduct(tape, x, "mul", dy, derivative);
      });
    }
    addProduct(tape, slope, "timesNegative", dy, x);
  });
  return y;
}

/** Computes y = f(x) into `y`; `a` and `b` are as `planUnary` takes them. */
export function launchUnary(gpu: Gpu, kind: UnaryKind, x: Tensor, y: Tensor, a = 0, b = 0): void {
  gpu.run(planUnary(kind, x.size, a, b), [x, y], `[${x.shape}]`);
}

/** Computes y = a op b into `y`, with b broadcast over a. Throws UserError for shapes that don't go together. */
export function launchBinary(gpu: Gpu, kind: BinaryKind, a: Tensor, b: Tensor, y: Tensor): void {
  const over = broadcast(kind, a.shape, b.shape);
  const plan = over === "same" ? planBinary(kind, a.size) : planBinaryOver(kind, over);
  gpu.run(plan, [a, b, y], `[${a.shape}], [${b.shape}]`);
}

/**
 * Says how b meets a [N, C, …]: the same shape; one number; of the same rank, 1 along each axis on which it is
 * repeated; [C] or [C, 1, …] (per channel); [N, C] (per image and channel). Throws UserError for anything else.
 */
export function broadcast(
  op: string,
  a: readonly number[],
  b: readonly number[],
): "same" | Reduction | MiddleReduction {
  if (a.length === b.length && a.every((n, i) => n === b[i])) return "same";
  if (elements(b) === 1) return { outer: 1, channels: 1, inner: elements(a) };
  const aligned = alignedShape(a, b);
  const fits = aligned?.every((d, axis) => d === a[axis] || d === 1);
  const over = fits && reductionOver(a, aligned!.map((d, axis) => d !== a[axis]));
  if (!over) {
    throw new UserError(
      `${op}: cannot broadcast [${b}] over [${a}]: expected the same shape, one number, [C] or [N, C] with C = ${
        a[1]
      }, or the same rank with ones`,
    );
  }
  return over;
}

/** Gives b's shape with as many axes as a has. */
function alignedShape(a: readonly number[], b: readonly number[]): readonly number[] | undefined {
  const ones = (count: number) => new Array<number>(count).fill(1);
  if (b.length === a.length) return b;
  if (b[0] === a[1] && b.slice(1).every((d) => d === 1)) return [1, a[1], ...ones(a.length - 2)];
  if (b.length === 2 && a.length > 2) return [...b, ...ones(a.length - 2)];
  return undefined;
}

/** Of two operands the larger one, or where both are as large the one of more axes, has the result's shape. */
function binary(tape: Tape, kind: "add" | "sub" | "mul" | "div", a: Tensor, b: Tensor): Tensor {
  const swapped = b.size > a.size || (b.size === a.size && b.shape.length > a.shape.length);
  const y = tape.empty(swapped ? b.shape : a.shape);
  const swappedKind = ({ add: "add", sub: "subFrom", mul: "mul", div: "divInto" } as const)[kind];
  if (swapped) launchBinary(tape.gpu, swappedKind, b, a, y);
  else launchBinary(tape.gpu, kind, a, b, y);
  return y;
}

/** Adds factor · dy, summed over the axes along which `operand` was repeated, to the gradient of `operand`. */
function hand(tape: Tape, operand: Tensor, dy: Tensor, factor = 1): void {
  if (!tape.needs(operand)) return;
  const over = broadcast("gradient", dy.shape, operand.shape);
  if (over === "same" && factor === 1) return tape.add(operand, dy);
  const gradient = tape.target(operand);
  if (over === "same") launchUnary(tape.gpu, "scale", dy, gradient, factor);
  else launchSum(tape.gpu, dy, over, gradient, factor);
  tape.add(operand, gradient);
}

/** Adds factor · (dy op other), summed as in `hand`, to the gradient of `operand`. */
function addProduct(
  tape: Tape,
  operand: Tensor,
  kind: "mul" | "div" | "timesNegative",
  dy: Tensor,
  other: Tensor,
  factor = 1,
): void {
  if (!tape.needs(operand)) return;
  const { gpu } = tape;
  const over = broadcast("gradient", dy.shape, operand.shape);
  const gradient = tape.target(operand);
  if (over === "same" && factor === 1) launchBinary(gpu, kind, dy, other, gradient);
  else {
    gpu.scope((track) => {
      const product = track(Tensor.empty(gpu, dy.shape));
      launchBinary(gpu, kind, dy, other, product);
      if (over === "same") launchUnary(gpu, "scale", product, gradient, factor);
      else launchSum(gpu, product, over, gradient, factor);
    });
  }
  tape.add(operand, gradient);
}

function unary(tape: Tape, kind: Exclude<UnaryKind, "scale">, x: Tensor, a = 0, b = 0): Tensor {
  const y = tape.empty(x.shape);
  launchUnary(tape.gpu, kind, x, y, a, b);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    const saved = savedFor(kind) === "x" ? x : y;
    tape.gpu.run(planUnaryGrad(kind, x.size, a, b), [saved, dy, dx], `[${x.shape}]`);
    tape.add(x, dx);
  });
  return y;
}
