import { type BinaryKind, planBinary, planBinaryChannel } from "../../../kernels/pointwise/binary.ts";
import { planUnary, planUnaryGrad, savedFor, type UnaryKind } from "../../../kernels/pointwise/unary.ts";
import type { Reduction } from "../../../kernels/reduce/sum.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Tape } from "../tape.ts";
import { elements, Tensor } from "../tensor.ts";
import { launchSum } from "./reduce.ts";

/** The largest float32. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/** max(x, 0); the gradient at 0 is 0. */
export function relu(tape: Tape, x: Tensor): Tensor {
  return unary(tape, "relu", x);
}

/** x limited to [min, max], which may be infinite; the gradient is 0 at the bounds and beyond. relu6 is clip(0, 6). */
export function clip(tape: Tape, x: Tensor, min: number, max: number): Tensor {
  // WGSL may assume that there are no infinities.
  return unary(tape, "clip", x, Math.max(min, -LARGEST), Math.min(max, LARGEST));
}

/** Gaussian error linear unit: x·Φ(x), or its tanh approximation (Hendrycks and Gimpel, arXiv 1606.08415). */
export function gelu(tape: Tape, x: Tensor, approximate: "none" | "tanh" = "none"): Tensor {
  return unary(tape, approximate === "tanh" ? "geluTanh" : "gelu", x);
}

export function sigmoid(tape: Tape, x: Tensor): Tensor {
  return unary(tape, "sigmoid", x);
}

export function tanh(tape: Tape, x: Tensor): Tensor {
  return unary(tape, "tanh", x);
}

/** x where it is positive, else slope · x (Maas, Hannun and Ng 2013); the gradient at 0 is the slope. */
export function leakyRelu(tape: Tape, x: Tensor, slope: number): Tensor {
  return unary(tape, "leakyRelu", x, slope);
}

/** alpha · x + beta, limited to [0, 1]. */
export function hardSigmoid(tape: Tape, x: Tensor, alpha: number, beta: number): Tensor {
  return unary(tape, "hardSigmoid", x, alpha, beta);
}

/** x · hardSigmoid(x, 1/6, 1/2) (Howard et al., arXiv 1905.02244). */
export function hardSwish(tape: Tape, x: Tensor): Tensor {
  return unary(tape, "hardSwish", x);
}

/** factor · x. */
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

/** a + b; the smaller operand is broadcast as `broadcast` says. */
export function add(tape: Tape, a: Tensor, b: Tensor): Tensor {
  if (b.size > a.size) return add(tape, b, a);
  const y = tape.empty(a.shape);
  launchBinary(tape.gpu, "add", a, b, y);
  tape.record([a, b], y, (dy) => {
    tape.add(a, dy);
    const over = broadcast("Add", a.shape, b.shape);
    if (over === "same") return tape.add(b, dy);
    if (!tape.needs(b)) return;
    const db = tape.target(b);
    launchSum(tape.gpu, dy, over, db);
    tape.add(b, db);
  });
  return y;
}

/** a · b element by element; the smaller operand is broadcast as `broadcast` says. */
export function mul(tape: Tape, a: Tensor, b: Tensor): Tensor {
  if (b.size > a.size) return mul(tape, b, a);
  const { gpu } = tape;
  const y = tape.empty(a.shape);
  launchBinary(gpu, "mul", a, b, y);
  tape.record([a, b], y, (dy) => {
    const over = broadcast("Mul", a.shape, b.shape);
    if (tape.needs(a)) {
      const da = tape.target(a);
      launchBinary(gpu, "mul", dy, b, da);
      tape.add(a, da);
    }
    if (!tape.needs(b)) return;
    const db = tape.target(b);
    if (over === "same") launchBinary(gpu, "mul", dy, a, db);
    else {
      gpu.scope((track) => {
        const product = track(Tensor.empty(gpu, dy.shape));
        launchBinary(gpu, "mul", dy, a, product);
        launchSum(gpu, product, over, db);
      });
    }
    tape.add(b, db);
  });
  return y;
}

/** y = f(x) into `y`; `a` and `b` as `planUnary` takes them. */
export function launchUnary(gpu: Gpu, kind: UnaryKind, x: Tensor, y: Tensor, a = 0, b = 0): void {
  gpu.run(planUnary(kind, x.size, a, b), [x, y], `[${x.shape}]`);
}

/** y = a op b into `y`, b broadcast over a. Throws UserError for shapes that don't go together. */
export function launchBinary(gpu: Gpu, kind: BinaryKind, a: Tensor, b: Tensor, y: Tensor): void {
  const over = broadcast(kind === "add" ? "Add" : "Mul", a.shape, b.shape);
  const plan = over === "same"
    ? planBinary(kind, a.size)
    : planBinaryChannel(kind, over.outer, over.channels, over.inner);
  gpu.run(plan, [a, b, y], `[${a.shape}], [${b.shape}]`);
}

/**
 * How b meets a [N, C, …]: the same shape; one number; [C], [C, 1, …] or [1, C, 1, …] (per channel); [N, C] or [N, C, 1, …]
 * (per image and channel). Throws UserError for anything else.
 */
export function broadcast(op: string, a: readonly number[], b: readonly number[]): "same" | Reduction {
  if (a.length === b.length && a.every((n, i) => n === b[i])) return "same";
  const size = elements(a);
  if (elements(b) === 1) return { outer: 1, channels: 1, inner: size };
  const [n, c] = a;
  const ones = (from: number) => b.slice(from).every((d) => d === 1);
  if (a.length >= 2 && ((b[0] === c && ones(1)) || (b[0] === 1 && b[1] === c && ones(2)))) {
    return { outer: n, channels: c, inner: size / (n * c) };
  }
  if (a.length >= 2 && b[0] === n && b[1] === c && ones(2)) {
    return { outer: 1, channels: n * c, inner: size / (n * c) };
  }
  throw new UserError(
    `${op}: cannot broadcast [${b}] over [${a}]: expected the same shape, one number, [C] or [N, C] with C = ${c}`,
  );
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
