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

/** The first output of an ONNX file in ONNX Runtime, for its one input. */
export async function runtime(file: Uint8Array, input: HostTensor): Promise<Float32Array> {
  return (await sessionOutputs(file, ([name]) => ({ [name]: input })))[0];
}

/** All outputs, for inputs by name. */
export async function runtimeOutputs(
  file: Uint8Array,
  inputs: Readonly<Record<string, HostTensor>>,
): Promise<Float32Array[]> {
  return await sessionOutputs(file, () => inputs);
}

async function sessionOutputs(
  file: Uint8Array,
  inputsOf: (names: readonly string[]) => Readonly<Record<string, HostTensor>>,
): Promise<Float32Array[]> {
  await (ready ??= prepare());
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  try {
    const given = Object.entries(inputsOf(session.inputNames))
      .map(([name, { shape, data }]) => [name, new ort.Tensor("float32", data, shape)] as const);
    const outputs = await session.run(Object.fromEntries(given));
    return session.outputNames.map((name) => outputs[name].data as Float32Array);
  } finally {
    await session.release();
  }
}

async function prepare(): Promise<void> {
  const wasm = new URL(import.meta.resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm"));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = (await Deno.readFile(wasm)).buffer;
}
