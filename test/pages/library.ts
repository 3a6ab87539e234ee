/** Runs in the page: a product of two matrices through the public library. */
import { Gpu, matmul, Tape, Tensor } from "../../src/mod.ts";

/** a [m,k] times b [k,n], each given row by row. */
export default async function library({ a, b }: { a: number[][]; b: number[][] }): Promise<number[]> {
  const gpu = await Gpu.open();
  const tensor = (rows: number[][]) => Tensor.from(gpu, new Float32Array(rows.flat()), [rows.length, rows[0].length]);
  const product = await matmul(new Tape(gpu, "eval"), tensor(a), tensor(b)).read();
  gpu.close();
  return [...product];
}
