/** gpu.js: kernels written as functions, which it makes into WebGL2 shaders, WebAssembly, or loops in JavaScript. */
import { GPU, type Texture } from "gpu.js";
import { type Backend, BackendLostError, type Prepared } from "./backend.ts";
import type { LayerWork } from "./work.ts";

export type GpuJsMode = "webgl2" | "webasm" | "cpu";

/** @throws Error where the browser has no WebGL2 with float textures, or no WebAssembly */
export function gpuJsBackend(mode: GpuJsMode): Backend {
  const canvas = mode === "webgl2" && "OffscreenCanvas" in globalThis ? new OffscreenCanvas(2, 2) : undefined;
  const context = canvas?.getContext("webgl2") ?? undefined;
  if (mode === "webgl2" && !context?.getExtension("EXT_color_buffer_float")) {
    throw new Error("this browser has no WebGL2 with float textures in workers");
  }
  if (mode === "webasm" && !GPU.isWebAssemblySupported) throw new Error("this browser has no WebAssembly with SIMD");
  const gpu = new GPU({ mode: mode as "webgl2", canvas: canvas as unknown as HTMLCanvasElement, context });
  const description = context ? rendererOf(context) : "one thread of the processor";
  return {
    name: `gpu.js ${mode}`,
    description,
    software: !context || /swiftshader|llvmpipe|softpipe|basic render/i.test(description),
    // Float textures hold float32, but shaders may compute with less.
    tolerance: mode === "webgl2" ? 1e-3 : 1e-5,
    prepare(work, x, w) {
      if (!context) return onArrays(gpu, work, x, w);
      // What gpu.js throws then is about shaders.
      if (context.isContextLost()) throw contextLost();
      return onTextures(gpu, context, work, x, w);
    },
    lost: () => context?.isContextLost() ?? false,
    dispose: () => void gpu.destroy(),
  };
}

function contextLost(): BackendLostError {
  return new BackendLostError("the browser took the GPU away: its WebGL context is lost");
}

/** What createKernel gives: a texture where results stay on the GPU. */
interface Kernel<Value> {
  /** @param taps of kept columns: a channel, a row and a column for each */
  (x: Value, w: Value, taps: Value, before: Value, none: number): Value;
  destroy(): void;
}

function onArrays(gpu: GPU, work: LayerWork, x: Float32Array<ArrayBuffer>, w: Float32Array<ArrayBuffer>): Prepared {
  const layer = layerKernel<Float32Array>(gpu, work, false);
  const taps = Float32Array.from(work.taps.flat());
  let last = new Float32Array();
  return {
    run(times) {
      for (let i = 0; i < times; i++) last = layer(x, w, taps, x, 0) as typeof last;
      const { fallbackReason } = (layer as unknown as { kernel: { fallbackReason: string | null } }).kernel;
      if (fallbackReason) throw new Error(`gpu.js took its plain loops instead: ${fallbackReason}`);
    },
    result: () => last,
    dispose: () => layer.destroy(),
  };
}

/**
 * Two kernels of the same layer write to a texture each, and each reads a number of what the other one wrote (times
 * nought): phones' GPUs leave out the shading of what is drawn over before anybody has looked at it.
 */
function onTextures(
  gpu: GPU,
  context: WebGL2RenderingContext,
  work: LayerWork,
  x: Float32Array<ArrayBuffer>,
  w: Float32Array<ArrayBuffer>,
): Prepared {
  const uploads = [x, w, Float32Array.from(work.taps.flat())].map((values) => upload(gpu, values));
  const [input, weights, taps] = uploads.map(({ texture }) => texture);
  const layers = [0, 1].map(() => layerKernel<Texture>(gpu, work, true));
  let last = input;
  let turn = 0;
  const pixel = new Float32Array(4);
  return {
    run(times) {
      for (let i = 0; i < times; i++) last = layers[turn ^= 1](input, weights, taps, last, 0);
      // The last kernel's texture is bound still; it is there when a pixel of it can be read.
      context.readPixels(0, 0, 1, 1, context.RGBA, context.FLOAT, pixel);
      if (context.isContextLost()) throw contextLost();
    },
    result: () => last.toArray() as Float32Array,
    dispose() {
      for (const { destroy } of [...layers, ...uploads]) destroy();
    },
  };
}

/** Numbers as a texture, where inference has its weights and what the layer before wrote. */
function upload(gpu: GPU, values: Float32Array): { readonly texture: Texture; destroy(): void } {
  const copy = gpu.createKernel(
    function (this: { thread: { x: number } }, values: number[]) {
      return values[this.thread.x];
    } as never,
    { output: [values.length], precision: "single", pipeline: true },
  ) as unknown as ((values: Float32Array) => Texture) & { destroy(): void };
  return { texture: copy(values), destroy: () => copy.destroy() };
}

/** All of [N, F, OH, OW] as one row of numbers: a texture of any shape holds it, and rows of pixels can be too long for one. */
function layerKernel<Value>(gpu: GPU, work: LayerWork, pipeline: boolean): Kernel<Value> {
  const { columns, batch, channels, height, width, filters, kernel, taps } = work;
  const { stride, pads, dilation, groups, outHeight, outWidth } = work;
  const settings = {
    output: [batch * filters * outHeight * outWidth],
    precision: "single",
    pipeline,
    constants: {
      channels,
      height,
      width,
      filters,
      outHeight,
      outWidth,
      perGroup: channels / groups,
      filtersPerGroup: filters / groups,
      kernelY: kernel[0],
      kernelX: kernel[1],
      taps: taps.length,
      strideY: stride[0],
      strideX: stride[1],
      padY: pads[0],
      padX: pads[1],
      dilationY: dilation[0],
      dilationX: dilation[1],
    },
  };
  return gpu.createKernel(
    (columns === "kept" ? columnLayer : wholeLayer) as never,
    settings as never,
  ) as unknown as Kernel<Value>;
}

/** What gpu.js gives a kernel as `this`. */
interface Thread {
  readonly thread: { readonly x: number };
  readonly constants: Readonly<Record<string, number>>;
}

// gpu.js reads the text of the two functions below: plain names, plain loops, nothing from outside but constants. GPUs
// divide by reciprocals, which may come out a little below the whole number that they should be: hence the halves.

/** One pixel of one filter's output. */
function wholeLayer(this: Thread, x: number[], w: number[], taps: number[], before: number[], none: number): number {
  const line = Math.floor((this.thread.x + 0.5) / this.constants.outWidth);
  const column = this.thread.x - line * this.constants.outWidth;
  const plane = Math.floor((line + 0.5) / this.constants.outHeight);
  const row = line - plane * this.constants.outHeight;
  const image = Math.floor((plane + 0.5) / this.constants.filters);
  const filter = plane - image * this.constants.filters;
  const group = Math.floor((filter + 0.5) / this.constants.filtersPerGroup);
  const top = row * this.constants.strideY - this.constants.padY;
  const left = column * this.constants.strideX - this.constants.padX;
  let sum = none * (before[0] + taps[0]);
  for (let c = 0; c < this.constants.perGroup; c++) {
    const channel = image * this.constants.channels + group * this.constants.perGroup + c;
    for (let i = 0; i < this.constants.kernelY; i++) {
      const y = top + i * this.constants.dilationY;
      for (let j = 0; j < this.constants.kernelX; j++) {
        const at = left + j * this.constants.dilationX;
        if (y >= 0 && y < this.constants.height && at >= 0 && at < this.constants.width) {
          const tap = ((filter * this.constants.perGroup + c) * this.constants.kernelY + i) * this.constants.kernelX +
            j;
          sum += w[tap] * x[(channel * this.constants.height + y) * this.constants.width + at];
        }
      }
    }
  }
  return sum;
}

/** The same over the taps that are kept. */
function columnLayer(this: Thread, x: number[], w: number[], taps: number[], before: number[], none: number): number {
  const line = Math.floor((this.thread.x + 0.5) / this.constants.outWidth);
  const column = this.thread.x - line * this.constants.outWidth;
  const plane = Math.floor((line + 0.5) / this.constants.outHeight);
  const row = line - plane * this.constants.outHeight;
  const image = Math.floor((plane + 0.5) / this.constants.filters);
  const filter = plane - image * this.constants.filters;
  const top = row * this.constants.strideY - this.constants.padY;
  const left = column * this.constants.strideX - this.constants.padX;
  let sum = none * before[0];
  for (let t = 0; t < this.constants.taps; t++) {
    const y = top + taps[3 * t + 1] * this.constants.dilationY;
    const at = left + taps[3 * t + 2] * this.constants.dilationX;
    if (y >= 0 && y < this.constants.height && at >= 0 && at < this.constants.width) {
      const channel = image * this.constants.channels + taps[3 * t];
      sum += w[filter * this.constants.taps + t] * x[(channel * this.constants.height + y) * this.constants.width + at];
    }
  }
  return sum;
}

function rendererOf(context: WebGL2RenderingContext): string {
  const extension = context.getExtension("WEBGL_debug_renderer_info");
  return String(context.getParameter(extension ? extension.UNMASKED_RENDERER_WEBGL : context.RENDERER));
}
