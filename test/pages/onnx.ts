/** Runs in the page: ONNX files, read and computed by us. */
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { runPlan } from "../../src/graph/equivalence.ts";

interface Job {
  /** Base64. */
  readonly file: string;
  /** Of the input, batch first. */
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

let gpu: Gpu | undefined;

/** Each network's first output. */
export default async function onnx(jobs: readonly Job[]): Promise<number[][]> {
  gpu ??= await Gpu.open();
  const answers: number[][] = [];
  for (const { file, shape, data } of jobs) {
    const model = loadOnnx(Uint8Array.fromBase64(file), "page.onnx");
    answers.push([...await runPlan(gpu, model, Float32Array.from(data), shape[0])]);
  }
  return answers;
}
