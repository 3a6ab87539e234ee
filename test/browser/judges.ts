/** ONNX Runtime in WebAssembly, and a page in Chromium. */
import * as ort from "onnxruntime-web/wasm";
import { openPage } from "../../bench/browser/page.ts";
import type { HostTensor } from "../../src/graph/types.ts";
import type { Job, Judges } from "../ladder/ladder.ts";

/** Networks that go to the page in one call. */
const CALL = 50;

export async function openJudges(): Promise<Omit<Judges, "gpu"> & { close(): Promise<void> }> {
  const page = await openPage({ adapter: "software" });
  return {
    ort: ({ file, input }) => runtime(file, input),
    async browser(jobs) {
      const answers: Float32Array[] = [];
      for (let i = 0; i < jobs.length; i += CALL) {
        const part = jobs.slice(i, i + CALL).map(({ file, input: { shape, data } }: Job) => ({
          file: file.toBase64(),
          shape,
          data: [...data],
        }));
        const found = await page.call<(number | null)[][]>(`${import.meta.dirname}/../pages/onnx.ts`, part);
        // JSON has null for what is no number.
        answers.push(...found.map((values) => Float32Array.from(values, (value) => value ?? NaN)));
      }
      return answers;
    },
    close: () => page.close(),
  };
}

let ready: Promise<unknown> | undefined;

/** The first output of an ONNX file in ONNX Runtime. */
export async function runtime(file: Uint8Array, { shape, data }: HostTensor): Promise<Float32Array> {
  await (ready ??= prepare());
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  try {
    const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", data, shape) });
    return outputs[session.outputNames[0]].data as Float32Array;
  } finally {
    await session.release();
  }
}

async function prepare(): Promise<void> {
  const wasm = new URL(import.meta.resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm"));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = (await Deno.readFile(wasm)).buffer;
}
