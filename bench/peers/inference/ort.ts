/** The forward pass in ONNX Runtime for the web, from the ONNX file of the same model. */
import * as wasm from "onnxruntime-web/wasm";
import * as ort from "onnxruntime-web/webgpu";
import { onnxBytes } from "../../../src/formats/onnx/export.ts";
import type { Forward } from "./contestant.ts";
import { CHANNELS, CLASSES, type InferenceProblem, SIDE } from "./problem.ts";

/** Where the page's server has the files of dist/. */
export const ORT_FILES = "/ort/";

/** On WebGPU input and output stay on the device, and its graph capture replays the dispatches of the first run. */
export async function ortWebgpuForward({ model, batch, images }: InferenceProblem): Promise<Forward> {
  ort.env.wasm.wasmPaths = location.origin + ORT_FILES;
  const session = await ort.InferenceSession.create(onnxBytes(model), {
    executionProviders: ["webgpu"],
    graphOptimizationLevel: "all",
    preferredOutputLocation: "gpu-buffer",
    freeDimensionOverrides: { N: batch },
    enableGraphCapture: true,
  });
  const device = await ort.env.webgpu.device as GPUDevice;
  const { STORAGE, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage;
  const input = device.createBuffer({ size: images.byteLength, usage: STORAGE | COPY_DST });
  device.queue.writeBuffer(input, 0, images);
  const bytes = batch * CLASSES * Float32Array.BYTES_PER_ELEMENT;
  const output = device.createBuffer({ size: bytes, usage: STORAGE | COPY_SRC });
  const staging = device.createBuffer({ size: bytes, usage: COPY_DST | MAP_READ });
  const x = ort.Tensor.fromGpuBuffer(input, { dataType: "float32", dims: [batch, CHANNELS, SIDE, SIDE] });
  const y = ort.Tensor.fromGpuBuffer(output, { dataType: "float32", dims: [batch, CLASSES] });
  const [name] = session.outputNames;
  return {
    async run(calls) {
      for (let i = 0; i < calls; i++) await session.run({ input: x }, { [name]: y });
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(output, 0, staging, 0, bytes);
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const logits = new Float32Array(staging.getMappedRange().slice(0));
      staging.unmap();
      return logits;
    },
  };
}

/** On the CPU: SIMD, and a thread for each core, where its own default is half of them. */
export async function ortWasmForward({ model, batch, images }: InferenceProblem): Promise<Forward> {
  wasm.env.wasm.wasmPaths = location.origin + ORT_FILES;
  wasm.env.wasm.numThreads = navigator.hardwareConcurrency;
  const session = await wasm.InferenceSession.create(onnxBytes(model), {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
    freeDimensionOverrides: { N: batch },
  });
  const x = new wasm.Tensor("float32", images, [batch, CHANNELS, SIDE, SIDE]);
  const [name] = session.outputNames;
  return {
    async run(calls) {
      for (let i = 1; i < calls; i++) await session.run({ input: x });
      return (await session.run({ input: x }))[name].data as Float32Array;
    },
  };
}
