import { type GemmShape, planGemm } from "../../../kernels/gemm/plan.ts";
import type { Epilogue } from "../../../kernels/launch.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Tape } from "../tape.ts";
import { elements, type Tensor } from "../tensor.ts";
import { cached, launch, tuningFor } from "./launch.ts";
import { launchSum } from "./reduce.ts";

const gemmPlan = cached(planGemm);

/** Says how the operands lie. */
export interface MatmulOptions {
  /** b is [N,K] instead of [K,N]. It is false by default. */
  readonly transB?: boolean;
}

/**
 * Computes y[…,M,N] = a[…,M,K] · b[…,K,N], differentiable in both. b has the leading dimensions of a, or none: then all
 * share it.
 *
 * @throws UserError when the shapes don't fit
 */
export function matmul(tape: Tape, a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const transB = options.transB ?? false;
  const leading = a.shape.slice(0, -2), [rows, k] = a.shape.slice(-2);
  const [n, kb] = transB ? b.shape.slice(-2) : b.shape.slice(-2).reverse();
  const shared = b.shape.length === 2;
  const fits = a.shape.length >= 2 && k === kb && (shared || `${b.shape.slice(0, -2)}` === `${leading}`);
  if (!fits) throw new UserError(`matmul: [${a.shape}] times [${b.shape}]${transB ? "ᵀ" : ""} doesn't fit`);
  // Products with one b are one product with all their rows.
  const count = shared ? 1 : elements(leading);
  const m = shared ? a.size / k : rows;
  const batch = (one: number, other: number) => count > 1 ? { count, a: one, b: other } : undefined;
  const y = tape.empty([...leading, rows, n]);
  const forward: GemmShape = { m, n, k, a: "k", b: transB ? "k" : "rows", batch: batch(m * k, n * k) };
  gemm(tape.gpu, forward, a, b, y, "matmul");
  tape.record([a, b], y, (dy) => {
    if (tape.needs(a)) {
      const da = tape.target(a);
      const shape: GemmShape = { m, n: k, k: n, a: "k", b: transB ? "rows" : "k", batch: batch(m * n, n * k) };
      gemm(tape.gpu, shape, dy, b, da, "matmul, gradient of a");
      tape.add(a, da);
    }
    if (tape.needs(b)) {
      const db = tape.target(b);
      const [first, second, outputs, columns] = transB ? [dy, a, n, k] : [a, dy, k, n];
      const shape: GemmShape = {
        m: outputs,
        n: columns,
        k: m,
        a: "rows",
        b: "rows",
        batch: batch(m * outputs, m * columns),
      };
      gemm(tape.gpu, shape, first, second, db, "matmul, gradient of b");
      tape.add(b, db);
    }
  });
  return y;
}

/**
 * Computes y[…,F] = x[…,K] · w[F,K]ᵀ + bias[F], differentiable in all three.
 *
 * @throws UserError when the shapes don't fit
 */
export function linear(tape: Tape, x: Tensor, w: Tensor, bias?: Tensor): Tensor {
  const { m, n, k } = linearSize(x, w, bias);
  const { gpu } = tape;
  const y = tape.empty([...x.shape.slice(0, -1), n]);
  linearForward(gpu, { x, w, bias, y });
  tape.record(bias ? [x, w, bias] : [x, w], y, (dy) => {
    if (tape.needs(x)) {
      const dx = tape.target(x);
      gemm(gpu, { m, n: k, k: n, a: "k", b: "rows" }, dy, w, dx, `linear [${w.shape}] dgrad`);
      tape.add(x, dx);
    }
    if (tape.needs(w)) {
      const dw = tape.target(w);
      gemm(gpu, { m: n, n: k, k: m, a: "rows", b: "rows" }, dy, x, dw, `linear [${w.shape}] wgrad`);
      tape.add(w, dw);
    }
    if (bias && tape.needs(bias)) tape.add(bias, biasGradient(tape, bias, dy, m, n, 1));
  });
  return y;
}

export interface LinearOperands {
  readonly x: Tensor;
  readonly w: Tensor;
  readonly bias?: Tensor;
  /** It has the shape of y and is added before the activation. */
  readonly residual?: Tensor;
  readonly y: Tensor;
}

/**
 * Computes for inference y = act(x·wᵀ + bias + residual) into a given tensor.
 *
 * @throws UserError when the shapes don't fit
 */
export function linearForward(
  gpu: Gpu,
  { x, w, bias, residual, y }: LinearOperands,
  activation: Epilogue["activation"] = "none",
): void {
  const size = linearSize(x, w, bias);
  const plan = gemmPlan(linearShape(size, !!bias, !!residual, activation), tuningFor(gpu));
  launch(gpu, plan, { a: x, b: w, bias, residual, y }, `linear [${w.shape}]`);
}

/** Computes db[filters] = sum of dy [batch,filters,size] over all but the filters, in `tape.target(bias)`. */
export function biasGradient(
  tape: Tape,
  bias: Tensor,
  dy: Tensor,
  batch: number,
  filters: number,
  size: number,
): Tensor {
  const db = tape.target(bias);
  launchSum(tape.gpu, dy, { outer: batch, channels: filters, inner: size }, db);
  return db;
}

function gemm(gpu: Gpu, shape: GemmShape, a: Tensor, b: Tensor, y: Tensor, label: string): void {
  launch(gpu, gemmPlan(shape, tuningFor(gpu)), { a, b, y }, label);
}

function linearShape(
  size: { m: number; n: number; k: number },
  bias: boolean,
  residual: boolean,
  activation: Epilogue["activation"],
): GemmShape {
  const { m, n, k } = size;
  return { m, n, k, a: "k", b: "k", bias: bias ? "add" : "none", residual: residual ? "add" : "none", activation };
}

function linearSize(x: Tensor, w: Tensor, bias?: Tensor): { m: number; n: number; k: number } {
  const k = x.shape[x.shape.length - 1];
  const [n, columns] = w.shape;
  if (x.shape.length < 2 || w.shape.length !== 2 || columns !== k) {
    throw new UserError(`linear: weight [${w.shape}] expects ${columns} inputs, x is [${x.shape}]`);
  }
  if (bias && bias.size !== n) throw new UserError(`linear: bias [${bias.shape}] for ${n} outputs`);
  return { m: x.size / k, n, k };
}
