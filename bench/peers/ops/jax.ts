/** jax-js: each case inside one `jit`, gradients by `vjp` in it. */
import { blockUntilReady, defaultDevice, init, jit, lax, numpy as np, tree, vjp } from "@jax-js/jax";
import type { Player } from "../match.ts";
import { type OpCase, type Operands, sizesOf } from "./cases.ts";

export async function jaxOp(op: OpCase, operands: Operands): Promise<Player> {
  const devices = await init("webgpu");
  if (!devices.includes("webgpu")) throw new Error("its WebGPU backend did not start");
  defaultDevice("webgpu");
  const { inputs, run, dispose } = prepare(op, operands);
  return {
    async output() {
      const data = await Promise.all(run().map((y) => y.data()));
      return Float32Array.from(data.flatMap((part) => [...part as Float32Array]));
    },
    async sample(calls) {
      const start = performance.now();
      // All are kept to the end: one that is dropped before it was submitted might never be computed.
      const results = Array.from({ length: calls }, run);
      await blockUntilReady(results);
      const ms = performance.now() - start;
      tree.dispose(results);
      return ms;
    },
    dispose() {
      dispose();
      tree.dispose(inputs);
    },
  };
}

interface Job {
  readonly inputs: np.Array[];
  run(): np.Array[];
  /** Frees the compiled function. */
  dispose(): void;
}

function prepare(op: OpCase, { a, b, dy }: Operands): Job {
  if (op.kind === "gemm") {
    // [k, n] in memory, as it wants it: `transpose` alone would only make a view.
    const transposed = b.map((_, i) => b[i % op.n * op.k + Math.floor(i / op.n)]);
    const [x, w] = [np.array(a).reshape([op.m, op.k]), np.array(transposed).reshape([op.k, op.n])];
    const compiled = jit((x: np.Array, w: np.Array) => [np.matmul(x, w)]);
    return { inputs: [x, w], run: () => compiled(x.ref, w.ref), dispose: () => compiled.dispose() };
  }
  const sizes = sizesOf(op.shape);
  const { stride, pads: [top, left, bottom, right] } = op.shape;
  const conv = (x: np.Array, w: np.Array) => lax.convGeneralDilated(x, w, [...stride], [[top, bottom], [left, right]]);
  const [x, w] = [np.array(a).reshape(sizes.x), np.array(b).reshape(sizes.w)];
  if (op.kind === "forward") {
    const compiled = jit((x: np.Array, w: np.Array) => [conv(x, w)]);
    return { inputs: [x, w], run: () => compiled(x.ref, w.ref), dispose: () => compiled.dispose() };
  }
  const seed = np.array(dy).reshape(sizes.y);
  const both = op.kind === "backward";
  const compiled = jit((x: np.Array, w: np.Array, dy: np.Array) => {
    const [y, pull] = vjp(conv, [x, w]);
    y.dispose();
    const [dx, dw] = pull(dy) as [np.Array, np.Array];
    pull.dispose();
    if (both) return [dx, dw];
    dx.dispose();
    return [dw];
  });
  return { inputs: [x, w, seed], run: () => compiled(x.ref, w.ref, seed.ref), dispose: () => compiled.dispose() };
}
