/** Runs in Deno and in the page: the same code, weights and input on two WebGPU implementations. */
import { random } from "../../kernels/random/philox.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { execute } from "../../src/graph/execute.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { digits } from "../../src/models/digits.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const BATCH = 13; // no multiple of any tile

/** The digits net's logits [BATCH, 10] for seeded weights and images. */
export default async function forward(): Promise<number[]> {
  const gpu = await Gpu.open();
  const graph = digits();
  const params = new Map(
    [...initialise(graph, 7)].map(([name, { data, shape }]) => [name, Tensor.from(gpu, data, shape)]),
  );
  const images = new Float32Array(BATCH * 64);
  random(7, "images").fillNormal(images, 0, 0, 1);
  const tape = new Tape(gpu, "eval");
  const logits = execute(tape, graph, params, Tensor.from(gpu, images, [BATCH, 1, 8, 8]));
  const values = await logits.read();
  gpu.close();
  return [...values];
}
